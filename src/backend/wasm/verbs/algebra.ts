/**
 * Products, moments, rotations and the Cholesky inverse.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** The verbs of this topic. */
export type Algebra = Pick<
  Verbs,
  | "gemm"
  | "secondMoment"
  | "rowSquaredNorms"
  | "rotateInto"
  | "rotateBack"
  | "dampedDivide"
  | "choleskyInverse"
>;

/** The verbs of this topic on one machine. */
export function createAlgebra(machine: Machine): Algebra {
  const kernels = machine.exports;
  return {
    gemm(c, a, b, { transposeA = false, transposeB = false, alpha = 1, beta = 0 } = {}) {
      const k = transposeA ? a.rows : a.cols;
      machine.withWorkspace(kernels.gemmWorkspace(c.rows, c.cols, k), (workspace) => {
        // deno-fmt-ignore
        kernels.gemm(
          c.rows, c.cols, k, alpha, beta, addressOf(c), c.stride,
          addressOf(a), a.stride, Number(transposeA), addressOf(b), b.stride, Number(transposeB),
          workspace,
        );
      });
    },

    secondMoment(c, x, { decay = 0, scale = 1, weights } = {}) {
      machine.withWorkspace(kernels.secondMomentWorkspace(x.rows, x.cols), (workspace) => {
        // deno-fmt-ignore
        kernels.secondMoment(
          x.rows, x.cols, decay, scale, addressOf(c), c.stride, addressOf(x), x.stride,
          addressOf(weights), workspace,
        );
      });
    },

    rowSquaredNorms(out, x) {
      kernels.rowSquaredNorms(x.rows, x.cols, addressOf(out), addressOf(x), x.stride);
    },

    rotateInto(out, x, { output, input }) {
      machine.withWorkspace(kernels.rotateWorkspace(x.rows, x.cols), (workspace) => {
        // deno-fmt-ignore
        kernels.rotateInto(
          x.rows, x.cols, addressOf(out), out.stride, addressOf(x), x.stride,
          addressOf(output), output.stride, addressOf(input), input.stride, workspace,
        );
      });
    },

    rotateBack(out, x, { output, input }, division) {
      const theta = division?.eigenvalues;
      machine.withWorkspace(kernels.rotateWorkspace(x.rows, x.cols), (workspace) => {
        // deno-fmt-ignore
        kernels.rotateBack(
          x.rows, x.cols, division ? machine.value(division.damping) : 0, division?.exponent ?? 1,
          addressOf(out), out.stride, addressOf(x), x.stride,
          addressOf(output), output.stride, addressOf(input), input.stride,
          addressOf(theta), theta?.stride ?? 0, workspace,
        );
      });
    },

    dampedDivide(out, x, { eigenvalues, damping, exponent = 1 }) {
      // deno-fmt-ignore
      kernels.dampedDivide(
        x.rows, x.cols, machine.value(damping), exponent, addressOf(out), out.stride,
        addressOf(x), x.stride, addressOf(eigenvalues), eigenvalues.stride,
      );
    },

    choleskyInverse(out, x, scale, shift, status) {
      machine.withWorkspace(kernels.choleskyWorkspace(x.rows), (workspace) => {
        // deno-fmt-ignore
        const done = kernels.choleskyInverse(
          x.rows, machine.value(scale), machine.value(shift), addressOf(out), out.stride,
          addressOf(x), x.stride, workspace,
        );
        machine.setValue(status, done);
      });
    },
  };
}
