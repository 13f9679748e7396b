/**
 * Losses with known output distributions: values, gradients, and gradients at targets sampled from
 * the model's own prediction.
 *
 * Letters: N examples, K outputs `z_n`, targets `y_n`; every loss is of one example.
 *
 * @module
 */

import { sigmoid } from "./activations.ts";
import { type DenseMatrix, denseMatrix, mapMatrix } from "./dense_matrix.ts";
import { rowDots } from "./reductions.ts";

/** Kinds of loss, in formulas at {@linkcode loss}. */
export type LossName =
  | "softmaxCrossEntropy"
  | "halfSumSquaredError"
  | "meanSquaredError"
  | "sigmoidCrossEntropy";

/** Values and gradients of a loss. */
export interface LossResult {
  /** `l_n`, [1, N]. */
  readonly losses: DenseMatrix;
  /** `d l_n / d z_n`, [N, K]. */
  readonly gradients: DenseMatrix;
}

/**
 * `exp z_nk / sum_k exp z_nk`, [N, K].
 *
 * @example Two equal outputs
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const z = linalg.denseMatrix(1, 2, [7, 7]);
 * assert.deepEqual([...linalg.softmax(z).data], [0.5, 0.5]);
 * // A label drawn by the model itself: the first one, for 0.2 lies in its half.
 * const noise = linalg.denseMatrix(1, 1, [0.2]);
 * const signs = linalg.denseMatrix(1, z.cols, Array.from({ length: z.cols }, () => 1));
 * assert.equal(linalg.gaussNewtonGradient("halfSumSquaredError", z, signs).data[0], 1);
 * const { data } = linalg.sampledLossGradient("softmaxCrossEntropy", z, noise);
 * assert.deepEqual([...data], [-0.5, 0.5]);
 * ```
 */
export function softmax(z: DenseMatrix): DenseMatrix {
  const out = denseMatrix(z.rows, z.cols);
  for (let n = 0; n < z.rows; n++) {
    const row = z.data.subarray(n * z.cols, (n + 1) * z.cols);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    row.forEach((value, k) => out.data[n * z.cols + k] = Math.exp(value - largest) / sum);
  }
  return out;
}

/**
 * Per-example losses and their gradients.
 * - `softmaxCrossEntropy`: `log sum_k exp z_k - z_label`; targets are labels, [1, N].
 * - `halfSumSquaredError`: `1/2 sum_k (z_k - y_k)^2`; targets [N, K].
 * - `meanSquaredError`: `1/K sum_k (z_k - y_k)^2`; targets [N, K].
 * - `sigmoidCrossEntropy`: `sum_k log(1 + exp z_k) - y_k z_k`; targets [N, K] in [0, 1].
 *
 * @param z Outputs, [N, K].
 *
 * @example Two equal outputs are one bit of surprise
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, loss } from "@tekfac/tekfac/linalg";
 *
 * const label = denseMatrix(1, 1, [0]);
 * const { losses, gradients } = loss("softmaxCrossEntropy", denseMatrix(1, 2, [3, 3]), label);
 * assert.ok(Math.abs(losses.data[0] - Math.LN2) < 1e-15);
 * assert.deepEqual([...gradients.data], [-0.5, 0.5]);
 * ```
 */
export function loss(kind: LossName, z: DenseMatrix, targets: DenseMatrix): LossResult {
  if (kind === "softmaxCrossEntropy") return softmaxCrossEntropy(z, targets.data);
  const { value, slope } = elementwiseLosses(z.cols)[kind];
  const losses = denseMatrix(1, z.rows);
  z.data.forEach((v, i) => losses.data[Math.floor(i / z.cols)] += value(v, targets.data[i]));
  return { losses, gradients: mapMatrix(z, slope, targets) };
}

/**
 * Gradients of the losses at targets drawn from the model's own distribution, for the Monte-Carlo
 * Fisher. Given what makes the draw random, the result is a function:
 * - `softmaxCrossEntropy`, noise uniform, [1, N]: the label is the first k with
 *   `u < p_1 + .. + p_k`.
 * - `sigmoidCrossEntropy`, noise uniform, [N, K]: the target is 1 where `u < p`.
 * - squared errors, noise standard normal, [N, K]: the target is `z + noise`, for the mean
 *   `z + sqrt(K/2) noise`.
 *
 * @param z Outputs, [N, K].
 * @returns [N, K].
 */
export function sampledLossGradient(
  kind: LossName,
  z: DenseMatrix,
  noise: DenseMatrix,
): DenseMatrix {
  switch (kind) {
    case "softmaxCrossEntropy":
      return softmaxCrossEntropy(z, sampledLabels(softmax(z), noise.data)).gradients;
    case "sigmoidCrossEntropy":
      return mapMatrix(z, (v, u) => sigmoid(v) - (u < sigmoid(v) ? 1 : 0), noise);
    case "halfSumSquaredError":
      return mapMatrix(noise, (v) => -v);
    case "meanSquaredError":
      return mapMatrix(noise, (v) => -Math.sqrt(2 / z.cols) * v);
  }
}

/**
 * `B_n e_n` for signs e, where `B_n B_n^T` is the Hessian of example n's loss in its outputs: a root of the
 * curvature of the output, applied to random signs (Chapelle & Erhan 2011).
 *
 * @param z Outputs, [N, K].
 * @param signs 1 or -1, [N, K].
 * @returns [N, K].
 */
export function gaussNewtonGradient(
  kind: LossName,
  z: DenseMatrix,
  signs: DenseMatrix,
): DenseMatrix {
  switch (kind) {
    case "softmaxCrossEntropy": {
      const probabilities = softmax(z);
      const roots = mapMatrix(probabilities, (p, e) => Math.sqrt(p) * e, signs);
      const sums = rowDots(roots, mapMatrix(roots, () => 1)).data;
      const along = mapMatrix(z, () => 0);
      along.data.forEach((_, at) => along.data[at] = sums[Math.floor(at / z.cols)]);
      const projected = mapMatrix(probabilities, (p, sum) => p * sum, along);
      return mapMatrix(roots, (root, part) => root - part, projected);
    }
    case "sigmoidCrossEntropy":
      return mapMatrix(z, (v, e) => Math.sqrt(sigmoid(v) * sigmoid(-v)) * e, signs);
    case "halfSumSquaredError":
      return mapMatrix(signs, (e) => e);
    case "meanSquaredError":
      return mapMatrix(signs, (e) => Math.sqrt(2 / z.cols) * e);
  }
}

function softmaxCrossEntropy(z: DenseMatrix, labels: ArrayLike<number>): LossResult {
  const gradients = softmax(z);
  const losses = denseMatrix(1, z.rows);
  for (let n = 0; n < z.rows; n++) {
    const row = z.data.subarray(n * z.cols, (n + 1) * z.cols);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    losses.data[n] = Math.log(sum) + largest - row[labels[n]];
    gradients.data[n * z.cols + labels[n]] -= 1;
  }
  return { losses, gradients };
}

/** The losses that are sums over outputs: the summand and its derivative. */
function elementwiseLosses(outputs: number) {
  return {
    halfSumSquaredError: {
      value: (z: number, y: number): number => (z - y) ** 2 / 2,
      slope: (z: number, y: number): number => z - y,
    },
    meanSquaredError: {
      value: (z: number, y: number): number => (z - y) ** 2 / outputs,
      slope: (z: number, y: number): number => 2 * (z - y) / outputs,
    },
    sigmoidCrossEntropy: {
      value: (z: number, y: number): number =>
        Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - y * z,
      slope: (z: number, y: number): number => sigmoid(z) - y,
    },
  };
}

/** The label at which the cumulative probability first exceeds the uniform number of each row. */
function sampledLabels(probabilities: DenseMatrix, uniforms: ArrayLike<number>): number[] {
  const outputs = probabilities.cols;
  return Array.from({ length: probabilities.rows }, (_, n) => {
    let k = 0;
    let cumulative = probabilities.data[n * outputs];
    while (k < outputs - 1 && uniforms[n] >= cumulative) {
      cumulative += probabilities.data[n * outputs + ++k];
    }
    return k;
  });
}
