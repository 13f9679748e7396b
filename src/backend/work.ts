/**
 * What a call of a verb costs: for benches, so that no program loads it that only trains.
 *
 * @module
 */

import { KERNEL_TABLE } from "./kernel_table.ts";
import { sidesOf, type Sizes } from "./symbolic_shape.ts";
import type { Verbs } from "./verbs.ts";

/** Multiply-adds of one layer's gradient for all examples, counted as two operations each. */
const convolution = ({ N, T, dIn, dOut }: Sizes): number => 2 * N * T * dIn * dOut;
const rotation = ({ dIn, dOut }: Sizes): number => 2 * dIn * dOut * (dIn + dOut);

/** Additions and multiplications. Symmetric results count in full, transcendental functions as one operation. */
const FLOPS: Readonly<Record<keyof Verbs, (sizes: Sizes) => number>> = {
  gemm: ({ m, n, k }) => 2 * m * n * k,
  secondMoment: ({ n, d }) => n * d * d,
  rowSquaredNorms: ({ n, d }) => 2 * n * d,
  // The per-example gradients, and both rotations, of the captures or of the gradients.
  squaredProjection: ({ N, T, dIn, dOut }) =>
    2 * N * (T * dOut * dIn + dIn ** 2 * Math.min(T, dOut) + dOut ** 2 * Math.min(T, dIn)),
  projectedMoments: ({ N, T, dIn, dOut, kIn, kOut }) => {
    const captures = dIn * kIn + dOut * kOut;
    if (T === 1) return 2 * N * (captures + (kIn + 1) * (kOut + 1));
    // The gradients, projected; or the captures, projected, and inner products of locations.
    const fromGradients = dOut * (dIn * (T + kIn + kOut) + kIn * kOut);
    const fromLocations = T * (captures + kIn * kOut + T * ((dIn + dOut) / 2 + kIn + kOut));
    return 2 * N * Math.min(fromGradients, fromLocations);
  },
  // R and C, P and X Q_in, and the product of inner size kOut + kIn.
  lowRankDivide: ({ dIn, dOut, kIn, kOut }) => 4 * (dIn * dOut * (kOut + kIn) + kOut * kIn * dIn),
  // Of tridiagonal QR with vectors (Golub & Van Loan 2013, section 8.3), whatever solver runs.
  eigh: ({ n }) => 9 * n ** 3,
  rotateInto: rotation,
  rotateBack: rotation,
  dampedDivide: ({ m, n }) => 2 * m * n,
  choleskyInverse: ({ n }) => n ** 3,
  conv2d: convolution,
  conv2dDataGradient: convolution,
  conv2dWeightGradient: convolution,
  patches: () => 0,
  patchSecondMoment: ({ N, T, dIn }) => N * T * dIn * dIn,
  patchSquaredNorms: ({ N, T, dIn }) => 2 * N * T * dIn,
  depthwiseSecondMoment: ({ N, T, C, dIn }) => N * T * C * dIn * dIn,
  depthwiseSquaredProjection: ({ N, T, C, dIn }) => 2 * N * C * dIn * (T + dIn),
  stackedGemm: ({ P, m, n, k }) => 2 * P * m * n * k,
  pool: ({ N, T, C, taps }) => N * T * C * taps,
  poolGradient: ({ N, T, C, taps }) => N * T * C * taps,
  columnMoments: ({ n, C }) => 4 * n * C,
  batchNorm: ({ n, C }) => 3 * n * C,
  batchNormSums: ({ n, C }) => 4 * n * C,
  batchNormGradient: ({ n, C }) => 5 * n * C,
  rowNorm: ({ n, C }) => 7 * n * C,
  rowNormSums: ({ N, T, C }) => 8 * N * T * C,
  rowNormGradient: ({ n, C }) => 14 * n * C,
  gatherRows: () => 0,
  scatterRows: ({ n, d }) => 2 * n * d,
  mergeRows: ({ n, d }) => n * d,
  // Scores and sums of values, of every pair of positions.
  attention: ({ n, T, C }) => 4 * n * T * C,
  attentionGradient: ({ n, T, C }) => 10 * n * T * C,
  rotatePairs: ({ n, C }) => 3 * n * C,
  softmax: ({ n, d }) => 3 * n * d,
  softmaxGradient: ({ n, d }) => 4 * n * d,
  appendOnes: () => 0,
  activation: ({ m, n }) => m * n,
  activationGradient: ({ m, n }) => 2 * m * n,
  loss: ({ N, K }) => 5 * N * K,
  sampledLossGradient: ({ N, K }) => 5 * N * K,
  gaussNewtonGradient: ({ N, K }) => 6 * N * K,
  axpby: ({ m, n }) => 3 * m * n,
  takeStep: ({ m, n }) => 4 * m * n,
  squares: ({ m, n }) => 3 * m * n,
  scaleRows: ({ n, d }) => n * d,
  adamDirection: ({ k, l }) => 12 * k * l,
  dot: ({ m, n }) => 2 * m * n,
  rowDots: ({ n, d }) => 2 * n * d,
  stepProducts: ({ m, n }) => 6 * m * n,
  sum: ({ m, n }) => m * n,
  trace: ({ n }) => n,
  allFinite: ({ m, n }) => m * n,
  zeroUnless: ({ m, n }) => m * n,
  evaluate: () => 0,
};

/**
 * Additions and multiplications of one call of a verb.
 *
 * @param verb The verb.
 * @param sizes Values of the letters in its row of {@linkcode KERNEL_TABLE}.
 *
 * @example Work of a product of 2 x 3 by 3 x 4
 * ```ts
 * import assert from "node:assert/strict";
 * import { bytesOf, flopsOf } from "@tekfac/tekfac/backend";
 *
 * const sizes = { m: 2, n: 4, k: 3 };
 * assert.equal(flopsOf("gemm", sizes), 2 * 2 * 4 * 3);
 * assert.equal(bytesOf("gemm", sizes), 4 * (2 * 4 + 2 * 3 + 3 * 4));
 * ```
 */
export function flopsOf(verb: keyof Verbs, sizes: Sizes): number {
  return FLOPS[verb](sizes);
}

/**
 * Bytes that one call of a verb must move at least: each argument once, optional ones not counted.
 *
 * @param verb The verb.
 * @param sizes Values of the letters in its row of {@linkcode KERNEL_TABLE}.
 * @param bytesPerElement Bytes per number. @default {4}
 */
export function bytesOf(verb: keyof Verbs, sizes: Sizes, bytesPerElement = 4): number {
  const always = Object.values(KERNEL_TABLE[verb].operands).filter(({ optional, scalar }) =>
    !optional && !scalar
  );
  const counts = always.map(({ shape }) => sidesOf(shape, sizes)).map(([m, n]) => m * n);
  return bytesPerElement * counts.reduce((sum, count) => sum + count, 0);
}
