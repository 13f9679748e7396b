/**
 * Curvature along a few directions of each side of a layer.
 *
 * @module
 */

import type { ConvCapture, DenseCapture } from "../../../core/capture.ts";
import { type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Blend, RowBasis, Verbs } from "../../backend.ts";
import { withWindow } from "./convolution.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** Verbs that those of this topic are composed of. */
type Parts = Pick<Verbs, "gemm" | "squares" | "rowSquaredNorms" | "scaleRows" | "axpby">;

/** The verbs of this topic. */
export type LowRank = Pick<Verbs, "projectedMoments" | "lowRankDivide">;

/** The verbs of this topic on one machine, composed of others. */
export function createLowRank(machine: Machine, verbs: Parts): LowRank {
  const kernels = machine.exports;
  const { gemm, squares, rowSquaredNorms, scaleRows, axpby } = verbs;

  /** A product along rows, `X Y^T`. */
  const rowProducts = (x: Matrix, y: Matrix): Matrix => {
    const out = machine.temporary(x.rows, y.rows);
    gemm(out, x, y, { transposeB: true });
    return out;
  };

  /** Squares of `Q X^T`, and below them the squared lengths of the rows of X, [k + 1, n]. */
  function squaredCoordinates(q: Matrix, x: Matrix): Matrix {
    const out = machine.temporary(q.rows + 1, x.rows);
    const projected = rowsOf(out, 0, q.rows);
    gemm(projected, q, x, { transposeB: true });
    squares(projected, projected);
    rowSquaredNorms(rowsOf(out, q.rows, q.rows + 1), x);
    return out;
  }

  /** A rank-one gradient's square is the square of its factors, and so is its squared length. */
  function ofDense(moments: Matrix, capture: DenseCapture, basis: RowBasis, blend: Blend): void {
    const { decay: beta = 0, scale: alpha = 1 } = blend;
    const g = squaredCoordinates(basis.output, capture.outputGradients);
    const a = squaredCoordinates(basis.input, capture.inputs);
    gemm(moments, g, a, { transposeB: true, alpha, beta });
  }

  function ofConvolution(moments: Matrix, capture: ConvCapture, basis: RowBasis, blend: Blend) {
    const { examples, geometry, images, outputGradients: g } = capture;
    const { output, input } = basis;
    const { decay = 0, scale = 1 } = blend;
    withWindow(machine, geometry, (window) => {
      const sizes = [examples, g.cols, output.rows, input.rows] as const;
      machine.withWorkspace(kernels.projectedMomentsWorkspace(window, ...sizes), (workspace) => {
        // deno-fmt-ignore
        kernels.projectedMoments(
          window, ...sizes, decay, scale, addressOf(moments), moments.stride,
          addressOf(images), images.stride, addressOf(g), g.stride,
          addressOf(output), output.stride, addressOf(input), input.stride, workspace,
        );
      });
    });
  }

  return {
    projectedMoments(moments, capture, basis, blend = {}) {
      machine.scope(() => {
        if (capture.kind === "dense") ofDense(moments, capture, basis, blend);
        else ofConvolution(moments, capture, basis, blend);
        // Only to flush: averages of what is no longer there must not decay into denormals.
        axpby(moments, 1, moments, 0);
      });
    },

    lowRankDivide(out, x, { output, input }, { moments, damping, exponent = 1 }) {
      const [kOut, kIn] = [output.rows, input.rows];
      machine.scope(() => {
        const r = machine.temporary(kOut, x.cols);
        gemm(r, output, x);
        const p = rowProducts(r, input);
        const rows = machine.temporary(1, kOut), columns = machine.temporary(1, kIn);
        // deno-fmt-ignore
        const rest = kernels.lowRankFactors(
          kOut, kIn, x.rows, x.cols, machine.value(damping), exponent,
          addressOf(p), addressOf(rows), addressOf(columns), addressOf(p),
          addressOf(moments), moments.stride,
        );
        scaleRows(r, r, rows);
        gemm(r, p, input, { beta: 1 });
        // Where the outputs' directions are all of them there is nothing else.
        if (kOut === x.rows) return gemm(out, output, r, { transposeA: true });
        const c = rowProducts(x, input);
        const bytes = kernels.lowRankUpdateWorkspace(x.rows, x.cols, kOut, kIn);
        machine.withWorkspace(bytes, (workspace) => {
          // deno-fmt-ignore
          kernels.lowRankUpdate(
            x.rows, x.cols, kOut, kIn, rest, addressOf(out), out.stride, addressOf(x), x.stride,
            addressOf(output), output.stride, addressOf(r), r.stride, addressOf(c), c.stride,
            addressOf(input), input.stride, addressOf(columns), workspace,
          );
        });
      });
    },
  };
}
