/**
 * Moments of captures: the sums over examples and locations from which all factors are built.
 * The one place where dense layers and convolutions differ for the curvature.
 *
 * @module
 */

import type { Backend, SecondMomentOptions } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { locationsOf } from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";

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

/** `out = decay out + scale sum_nt w_nt abar_nt abar_nt^T`, [dIn', dIn']. */
export function inputMoment(
  backend: Backend,
  out: Matrix,
  capture: Capture,
  options: SecondMomentOptions,
): void {
  if (capture.kind === "dense") backend.secondMoment(out, capture.inputs, options);
  else backend.patchSecondMoment(out, capture.images, capture.geometry, options);
}

/** `out = decay out + scale sum_nt w_nt g_nt g_nt^T`, [dOut, dOut]. */
export function outputMoment(
  backend: Backend,
  out: Matrix,
  capture: Capture,
  options: SecondMomentOptions,
): void {
  backend.secondMoment(out, capture.outputGradients, options);
}

/** `|abar_nt|^2` for every example and location, [1, N T], in scratch memory. */
export function inputSquaredNorms(backend: Backend, capture: Capture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  if (capture.kind === "dense") backend.rowSquaredNorms(norms, capture.inputs);
  else backend.patchSquaredNorms(norms, capture.images, capture.geometry);
  return norms;
}

/** `|g_nt|^2` for every example and location, [1, N T], in scratch memory. */
export function outputSquaredNorms(backend: Backend, capture: Capture): Matrix {
  const norms = backend.scratch(1, capture.outputGradients.rows);
  backend.rowSquaredNorms(norms, capture.outputGradients);
  return norms;
}
