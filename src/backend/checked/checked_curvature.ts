/**
 * The checks of the verbs that take a layer's bases: its curvature in them, and divisions by it.
 *
 * @module
 */

import type * as api from "../backend.ts";
import { ranksOf, resolveBlend, resolveDivision, sizesOf } from "./call_defaults.ts";
import { CheckedMemory } from "./checked_memory.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import type { Matrix } from "../../core/matrix.ts";

/** The verbs of this topic. */
export type CurvatureVerbs = Pick<
  api.Verbs,
  | "squaredProjection"
  | "projectedMoments"
  | "lowRankDivide"
  | "rotateInto"
  | "rotateBack"
  | "dampedDivide"
>;

/**
 * Checked memory with the verbs on bases; {@linkcode CheckedBackend} has the others.
 *
 * @example A gradient divided by a curvature that is known along one direction
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedCurvature, createWasmKernels } from "@tekfac/tekfac/backend";
 *
 * using backend = new CheckedCurvature(createWasmKernels(), []);
 * const matrix = (rows: number, cols: number, numbers: number[]) => {
 *   const m = backend.alloc(rows, cols);
 *   backend.write(m, numbers);
 *   return m;
 * };
 * using output = matrix(1, 1, [1]), input = matrix(1, 3, [1, 0, 0]);
 * using moments = matrix(2, 2, [3, 3 + 2, 3, 3 + 2]);
 * using x = matrix(1, 3, [8, 4, 6]);
 * using out = backend.alloc(1, 3);
 * backend.lowRankDivide(out, x, { output, input }, { moments, damping: 1 });
 * assert.deepEqual([...backend.readSync(out)], [8 / 4, 4 / 2, 6 / 2]);
 * ```
 */
export class CheckedCurvature extends CheckedMemory implements CurvatureVerbs {
  /** See {@linkcode Verbs.squaredProjection}. */
  squaredProjection(
    theta: Matrix,
    capture: KroneckerCapture,
    basis?: api.Basis,
    blend?: api.Blend,
  ): void {
    const geometry = capture.kind === "dense" ? { T: 1 } : sizesOf(capture.geometry);
    const check = this.check("squaredProjection", { ...geometry, N: capture.examples })
      .output("theta", theta)
      .input("outputGradients", capture.outputGradients);
    if (capture.kind === "dense") check.input("inputs", capture.inputs);
    else check.input("images", capture.images);
    check.optional("basis.output", basis?.output).optional("basis.input", basis?.input);
    this.kernels().squaredProjection(theta, capture, basis, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.projectedMoments}. */
  projectedMoments(
    moments: Matrix,
    capture: KroneckerCapture,
    basis: api.RowBasis,
    blend?: api.Blend,
  ): void {
    const geometry = capture.kind === "dense" ? { T: 1 } : sizesOf(capture.geometry);
    const sizes = { ...geometry, ...ranksOf(basis), N: capture.examples };
    const check = this.check("projectedMoments", sizes).output("moments", moments)
      .input("outputGradients", capture.outputGradients);
    if (capture.kind === "dense") check.input("inputs", capture.inputs);
    else check.input("images", capture.images);
    check.input("basis.output", basis.output).input("basis.input", basis.input);
    this.kernels().projectedMoments(moments, capture, basis, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.lowRankDivide}. */
  lowRankDivide(
    out: Matrix,
    x: Matrix,
    basis: api.RowBasis,
    division: api.LowRankDivision,
  ): void {
    this.check("lowRankDivide", ranksOf(basis)).output("out", out).input("x", x)
      .input("basis.output", basis.output).input("basis.input", basis.input)
      .input("moments", division.moments).scalar("damping", division.damping);
    this.kernels().lowRankDivide(out, x, basis, resolveDivision(division));
  }

  /** See {@linkcode Verbs.rotateInto}. */
  rotateInto(out: Matrix, x: Matrix, basis: api.Basis): void {
    this.check("rotateInto").output("out", out).input("x", x)
      .input("basis.output", basis.output).input("basis.input", basis.input);
    this.kernels().rotateInto(out, x, basis);
  }

  /** See {@linkcode Verbs.rotateBack}. */
  rotateBack(out: Matrix, x: Matrix, basis: api.Basis, division?: api.DampedDivision): void {
    this.check("rotateBack").output("out", out).input("x", x)
      .input("basis.output", basis.output).input("basis.input", basis.input)
      .optional("eigenvalues", division?.eigenvalues).scalar("damping", division?.damping);
    this.kernels().rotateBack(out, x, basis, division && resolveDivision(division));
  }

  /** See {@linkcode Verbs.dampedDivide}. */
  dampedDivide(out: Matrix, x: Matrix, division: api.DampedDivision): void {
    this.check("dampedDivide").output("out", out).input("x", x, undefined, true)
      .input("eigenvalues", division.eigenvalues).scalar("damping", division.damping);
    this.kernels().dampedDivide(out, x, resolveDivision(division));
  }
}
