/**
 * Statistics of captures: the two pairs of factors that all four approximations are built from, and the
 * one place where dense layers and convolutions differ for the curvature.
 *
 * @module
 */

import type { Backend, SecondMomentOptions } from "../backend/backend.ts";
import { type KroneckerCapture, meanLocations } from "../core/capture.ts";
import { div, formula, max, min, mul, sub } from "../core/formula.ts";
import { locationsOf } from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Observation } from "./moving_average.ts";

/**
 * Which gradients the curvature is the second moment of:
 * - `gaussNewton`: of `B_n e_n` propagated back from the outputs, e random signs and `B_n B_n^T` the Hessian
 *   of the loss there: the Gauss-Newton matrix, which for the losses of this library is the Fisher
 *   information. In the unit of the loss, so that step lengths need no tuning.
 * - `monteCarlo`: of targets drawn from the model's own prediction: the same matrix, with more noise.
 * - `empirical`: of the data's own targets, the choice of the EKFAC and TEKFAC papers. No backward pass of
 *   its own; in the unit of the loss squared, and fading where the model fits its data.
 * - `perLoss`: the same divided by the batch's loss, which has the right unit: for models whose outputs
 *   cannot be sampled. A loss that is not positive counts as 1.
 *
 * Steps that observe pay for a backward pass of the observed examples with the first two. Signs and targets
 * are seeded by the optimizer's `seed`.
 */
export interface Fisher {
  /** Which of them. */
  readonly kind: "gaussNewton" | "monteCarlo" | "empirical" | "perLoss";
}

/** T, the number of locations of each example. */
export function locationsPerExample(capture: KroneckerCapture): number {
  return capture.kind === "dense" ? 1 : locationsOf(capture.geometry);
}

/** The two factors of a layer. */
export interface Factors {
  /** Over inputs, [dIn', dIn']. */
  readonly inputFactor: Matrix;
  /** Over outputs, [dOut, dOut]. */
  readonly outputFactor: Matrix;
}

/** How much each row of a capture counts in the factors; `undefined` weights are ones. */
export interface RowWeights {
  /** Of the inputs (patches), [1, N T]. */
  readonly input: Matrix | undefined;
  /** Of the output gradients, [1, N T]. */
  readonly output: Matrix | undefined;
  /** Factor of all weights of the output gradients. */
  readonly outputScale: number;
}

/**
 * A pair of factors, by its weights. They are in scratch memory. One that weighs inputs by the gradients that they
 * met writes the effective share of examples into `share`, [1, 1]: `(sum w)^2 / (n sum w^2)` of the n weights
 * `w = |g|^2`, which is 1 where all are equal and 1 / n where one is all (Kish 1965).
 */
export type Statistic = (backend: Backend, capture: KroneckerCapture, share?: Matrix) => RowWeights;

/**
 * The statistics of KFAC and EKFAC, as if inputs and gradients were independent:
 * `A = E[sum_t abar abar^T]`, `B = (1/T) E[sum_t g g^T]`, sums over the locations that count and T their mean number.
 */
export function independent(_backend: Backend, capture: KroneckerCapture): RowWeights {
  const mask = capture.kind === "dense" ? undefined : capture.mask;
  const outputScale = 1 / meanLocations(locationsPerExample(capture), mask);
  return { input: mask?.weights, output: undefined, outputScale };
}

/**
 * The statistics of TKFAC and TEKFAC: each input counts as much as the gradient it met, so that both traces
 * are `delta = E[sum_t |abar|^2 |g|^2]`: `PhiRaw = E[sum_t |g|^2 abar abar^T]`,
 * `PsiRaw = E[sum_t |abar|^2 g g^T]`.
 */
export function traceKeeping(
  backend: Backend,
  capture: KroneckerCapture,
  share?: Matrix,
): RowWeights {
  const input = outputSquaredNorms(backend, capture);
  if (share !== undefined) effectiveShare(backend, share, input);
  return { input, output: inputSquaredNorms(backend, capture), outputScale: 1 };
}

/**
 * Statistics between those of TEKFAC and EKFAC: `s Phi + (1 - s) (delta / tr A) A`, s the effective share of the
 * weights of {@linkcode traceKeeping}, and `s' Psi + (1 - s') (delta / tr B) B` alike. Few examples with large
 * gradients tell the directions of little else than themselves; the fewer they are, the more all the others count.
 * Both traces stay delta.
 */
export function mixed(backend: Backend, capture: KroneckerCapture, share?: Matrix): RowWeights {
  const gradients = outputSquaredNorms(backend, capture);
  const inputs = inputSquaredNorms(backend, capture);
  const [own, other] = [share ?? backend.scratch(1, 1), backend.scratch(1, 1)];
  effectiveShare(backend, own, gradients);
  effectiveShare(backend, other, inputs);
  return {
    input: between(backend, own, gradients, inputs),
    output: between(backend, other, inputs, gradients),
    outputScale: 1,
  };
}

/** Keeps a division by weights that are all zero from being one by zero. */
const LEAST = 1e-30;

/** `out = (sum w)^2 / (n sum w^2)`, in a unit in which the squares neither vanish nor overflow. */
function effectiveShare(backend: Backend, out: Matrix, weights: Matrix): void {
  const { cols: count } = weights;
  const unit = backend.scratch(1, count);
  backend.sum(out, weights);
  backend.evaluate(overMean, { sum: out, count }, { factor: out });
  backend.axpby(unit, out, weights, 0);
  backend.rowSquaredNorms(out, unit);
  backend.evaluate(shareOf, { squares: out, count }, { share: out });
}

const overMean = formula({ sum: "number", count: "number" }, ({ sum, count }) => ({
  factor: div(count, max(sum, LEAST)),
}));

const shareOf = formula({ squares: "number", count: "number" }, ({ squares, count }) => ({
  share: min(1, div(count, max(squares, count))),
}));

/** `s w + (1 - s) <w, v> / (1^T v)`, [1, n]: the mean over the other weights v is that of w, too. */
function between(backend: Backend, share: Matrix, weights: Matrix, others: Matrix): Matrix {
  const { cols: count } = weights;
  const [out, product, sum] = [
    backend.scratch(1, count),
    backend.scratch(1, 1),
    backend.scratch(1, 1),
  ];
  backend.gemm(product, weights, others, { transposeB: true });
  backend.sum(sum, others);
  backend.evaluate(constantPart, { share, product, sum }, { constant: product });
  backend.write(out, new Float64Array(count).fill(1));
  backend.axpby(out, share, weights, product);
  return out;
}

const constantPart = formula(
  { share: "number", product: "number", sum: "number" },
  ({ share, product, sum }) => ({
    constant: mul(sub(1, share), div(product, max(sum, LEAST))),
  }),
);

/**
 * Adds a micro-batch to a layer's factors. Inside a scope.
 *
 * @example Only trace-keeping factors know which input met which gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { independent, mixed, observeFactors, traceKeeping }
 *   from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using inputs = upload(backend, denseMatrix(2, 2, [2, 0, 0, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "dense", examples: 2, inputs, outputGradients } as const;
 * assert.equal(locationsPerExample(capture), 1); // a convolution would have more
 * using inputFactor = backend.alloc(2, 2);
 * using outputFactor = backend.alloc(1, 1);
 * const factors = { inputFactor, outputFactor };
 * const first = { decay: 0, scale: 1 / 2 }; // a mean over two examples, and nothing of the past
 *
 * backend.scope(() => observeFactors(backend, factors, capture, independent, first));
 * assert.deepEqual([...backend.readSync(inputFactor)], [2, 0, 0, 0.5]);
 * assert.deepEqual([...backend.readSync(outputFactor)], [5]); // F is [2, 0, 0, 4.5], far from 5 A
 *
 * backend.scope(() => observeFactors(backend, factors, capture, traceKeeping, first));
 * assert.deepEqual([...backend.readSync(inputFactor)], [2, 0, 0, 4.5]);
 * assert.deepEqual([...backend.readSync(outputFactor)], [6.5]); // the trace of the other
 *
 * using share = backend.alloc(1, 1); // weights 1 and 9
 * backend.scope(() => observeFactors(backend, factors, capture, mixed, first, share));
 * const [s] = backend.readSync(share);
 * assert(Math.abs(s - (1 + 9) ** 2 / (2 * (1 + 81))) < 1e-12);
 * const [x, , , y] = backend.readSync(inputFactor);
 * assert(Math.abs(x + y - 6.5) < 1e-12 && x > 2); // more of the first example, the trace of before
 * ```
 */
export function observeFactors(
  backend: Backend,
  { inputFactor, outputFactor }: Factors,
  capture: KroneckerCapture,
  statistic: Statistic,
  { decay, scale }: Observation,
  share?: Matrix,
): void {
  const { input, output, outputScale } = statistic(backend, capture, share);
  const options = (weights: Matrix | undefined, scale: number): SecondMomentOptions => ({
    ...(weights === undefined ? {} : { weights }),
    decay,
    scale,
  });
  if (capture.kind === "dense") {
    backend.secondMoment(inputFactor, capture.inputs, options(input, scale));
  } else {
    const { images, geometry } = capture;
    backend.patchSecondMoment(inputFactor, images, geometry, options(input, scale));
  }
  const outputOptions = options(output, scale * outputScale);
  backend.secondMoment(outputFactor, capture.outputGradients, outputOptions);
}

/** `|abar_nt|^2` for every example and location, [1, N T], in scratch memory. */
function inputSquaredNorms(backend: Backend, capture: KroneckerCapture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  if (capture.kind === "dense") backend.rowSquaredNorms(norms, capture.inputs);
  else backend.patchSquaredNorms(norms, capture.images, capture.geometry);
  return norms;
}

/** `|g_nt|^2` for every example and location, [1, N T], in scratch memory. */
function outputSquaredNorms(backend: Backend, capture: KroneckerCapture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  backend.rowSquaredNorms(norms, capture.outputGradients);
  return norms;
}
