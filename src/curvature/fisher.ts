/**
 * Statistics of captures: the two pairs of factors that all four approximations are built from, and the
 * one place where dense layers and convolutions differ for the curvature.
 *
 * @module
 */

import type { Backend, SecondMomentOptions } from "../backend/backend.ts";
import { type KroneckerCapture, meanLocations } from "../core/capture.ts";
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

/** A pair of factors, by its weights. They are in scratch memory. */
export type Statistic = (backend: Backend, capture: KroneckerCapture) => RowWeights;

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
export function traceKeeping(backend: Backend, capture: KroneckerCapture): RowWeights {
  const input = outputSquaredNorms(backend, capture);
  return { input, output: inputSquaredNorms(backend, capture), outputScale: 1 };
}

/**
 * Adds a micro-batch to a layer's factors. Inside a scope.
 *
 * @example Only trace-keeping factors know which input met which gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { independent, observeFactors, traceKeeping }
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
 * ```
 */
export function observeFactors(
  backend: Backend,
  { inputFactor, outputFactor }: Factors,
  capture: KroneckerCapture,
  statistic: Statistic,
  { decay, scale }: Observation,
): void {
  const { input, output, outputScale } = statistic(backend, capture);
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
