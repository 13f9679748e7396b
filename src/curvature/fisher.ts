/**
 * Statistics of captures: the two pairs of factors that all four approximations are built from, and the
 * one place where dense layers and convolutions differ for the curvature.
 *
 * @module
 */

import type { Backend, SecondMomentOptions } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { locationsOf } from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Observation } from "./moving_average.ts";

/**
 * Whose targets the output gradients belong to:
 * - `empirical`: the data's own. No extra cost. The choice of EKFAC and TEKFAC; for a model that fits
 *   its data well, these gradients fade and the curvature with them.
 * - `monteCarlo`: drawn from the model's own prediction, which makes it the Fisher information proper;
 *   costs a second backward pass in the steps that observe. Seeded by the optimizer's `seed`.
 */
export type Fisher = { readonly kind: "empirical" } | { readonly kind: "monteCarlo" };

/** T, the number of locations of each example. */
export function locationsPerExample(capture: Capture): number {
  return capture.kind === "dense" ? 1 : locationsOf(capture.geometry);
}

/** The statistics of KFAC and EKFAC, as if inputs and gradients were independent. */
export interface IndependentFactors {
  /** `A = E[sum_t abar abar^T]`, [dIn', dIn']. */
  readonly inputFactor: Matrix;
  /** `B = (1/T) E[sum_t g g^T]`, [dOut, dOut]. */
  readonly outputFactor: Matrix;
}

/** Adds a micro-batch to A and B. */
export function observeIndependent(
  backend: Backend,
  { inputFactor, outputFactor }: IndependentFactors,
  capture: Capture,
  { decay, scale }: Observation,
): void {
  inputMoment(backend, inputFactor, capture, { decay, scale });
  const weight = scale / locationsPerExample(capture);
  outputMoment(backend, outputFactor, capture, { decay, scale: weight });
}

/** The statistics of TKFAC and TEKFAC: each input counts as much as the gradient it met. */
export interface TraceKeepingFactors {
  /** `PhiRaw = E[sum_t |g|^2 abar abar^T]`, [dIn', dIn']. */
  readonly inputFactor: Matrix;
  /** `PsiRaw = E[sum_t |abar|^2 g g^T]`, [dOut, dOut]. */
  readonly outputFactor: Matrix;
  /** `delta = E[sum_t |abar|^2 |g|^2]`, the trace of both, [1, 1]. */
  readonly delta: Matrix;
}

/**
 * Adds a micro-batch to delta, PhiRaw and PsiRaw; equal coefficients keep their traces equal.
 *
 * @example Only the factors of TKFAC and TEKFAC know which input met which gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import {
 *   locationsPerExample,
 *   observeIndependent,
 *   observeTraceKeeping,
 * } from "@tekfac/tekfac/curvature";
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
 * using delta = backend.alloc(1, 1);
 * const first = { decay: 0, scale: 1 / 2 }; // a mean over two examples, and nothing of the past
 *
 * backend.scope(() => observeIndependent(backend, { inputFactor, outputFactor }, capture, first));
 * assert.deepEqual([...backend.readSync(inputFactor)], [2, 0, 0, 0.5]);
 * assert.deepEqual([...backend.readSync(outputFactor)], [5]); // F is [2, 0, 0, 4.5], far from 5 A
 *
 * const factors = { inputFactor, outputFactor, delta };
 * backend.scope(() => observeTraceKeeping(backend, factors, capture, first));
 * assert.deepEqual([...backend.readSync(inputFactor)], [2, 0, 0, 4.5]);
 * assert.deepEqual([...backend.readSync(outputFactor)], [...backend.readSync(delta)]);
 * ```
 */
export function observeTraceKeeping(
  backend: Backend,
  { inputFactor, outputFactor, delta }: TraceKeepingFactors,
  capture: Capture,
  blend: Observation,
): void {
  const inputNorms = inputSquaredNorms(backend, capture);
  const gradientNorms = outputSquaredNorms(backend, capture);
  backend.dot(delta, inputNorms, gradientNorms, blend);
  inputMoment(backend, inputFactor, capture, { weights: gradientNorms, ...blend });
  outputMoment(backend, outputFactor, capture, { weights: inputNorms, ...blend });
}

/** `out = decay out + scale sum_nt w_nt abar_nt abar_nt^T`, [dIn', dIn']. */
function inputMoment(
  backend: Backend,
  out: Matrix,
  capture: Capture,
  options: SecondMomentOptions,
): void {
  if (capture.kind === "dense") backend.secondMoment(out, capture.inputs, options);
  else backend.patchSecondMoment(out, capture.images, capture.geometry, options);
}

/** `out = decay out + scale sum_nt w_nt g_nt g_nt^T`, [dOut, dOut]. */
function outputMoment(
  backend: Backend,
  out: Matrix,
  capture: Capture,
  options: SecondMomentOptions,
): void {
  backend.secondMoment(out, capture.outputGradients, options);
}

/** `|abar_nt|^2` for every example and location, [1, N T], in scratch memory. */
function inputSquaredNorms(backend: Backend, capture: Capture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  if (capture.kind === "dense") backend.rowSquaredNorms(norms, capture.inputs);
  else backend.patchSquaredNorms(norms, capture.images, capture.geometry);
  return norms;
}

/** `|g_nt|^2` for every example and location, [1, N T], in scratch memory. */
function outputSquaredNorms(backend: Backend, capture: Capture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  backend.rowSquaredNorms(norms, capture.outputGradients);
  return norms;
}
