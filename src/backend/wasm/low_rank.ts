/**
 * Curvature along a few directions of each side of a layer.
 *
 * @module
 */

import type { ConvCapture, DenseCapture } from "../../core/capture.ts";
import { locationsOf, patchLength } from "../../core/geometry.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../../core/matrix.ts";
import type { Blend, RowBasis, Verbs } from "../backend.ts";
import { addressOf, type Machine } from "./machine.ts";

/** See `asm/low_rank_divide.ts`. */
interface Exports {
  // deno-fmt-ignore
  lowRankFactors(
    kOut: number, kIn: number, dOut: number, dIn: number, lambda: number, exponent: number,
    x: number, rows: number, columns: number, p: number, moments: number, strideM: number,
  ): number;
}

/** Verbs that those of this topic are composed of. */
type Parts = Pick<
  Verbs,
  | "gemm"
  | "conv2d"
  | "conv2dWeightGradient"
  | "patches"
  | "squares"
  | "rowSquaredNorms"
  | "scaleRows"
  | "axpby"
  | "dot"
>;

/** Numbers in the temporaries of examples that are taken together. */
const CHUNK = 1 << 20;

/** The verbs of this topic. */
export type LowRank = Pick<Verbs, "projectedMoments" | "lowRankDivide">;

/** The verbs of this topic on one machine, composed of others. */
export function createLowRank(machine: Machine, verbs: Parts): LowRank {
  const kernels = machine.exports as unknown as Exports;
  const { gemm, conv2d, conv2dWeightGradient, squares, rowSquaredNorms, scaleRows, axpby } = verbs;

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

  /** Run by run of examples, so that temporaries stay small. */
  function ofConvolution(moments: Matrix, capture: ConvCapture, basis: RowBasis, blend: Blend) {
    const { examples, geometry, images, outputGradients } = capture;
    const [T, pixels] = [locationsOf(geometry), geometry.height * geometry.width];
    const [dOut, dIn] = [basis.output.cols, patchLength(geometry)];
    const perExample = dOut * dIn + T * (basis.output.rows + basis.input.rows);
    const chunk = Math.max(1, Math.min(examples, Math.floor(CHUNK / Math.max(perExample, 1))));
    for (let first = 0; first === 0 || first < examples; first += chunk) {
      const last = Math.min(first + chunk, examples);
      machine.scope(() =>
        ofExamples(
          moments,
          {
            ...capture,
            examples: last - first,
            images: rowsOf(images, first * pixels, last * pixels),
            outputGradients: rowsOf(outputGradients, first * T, last * T),
          },
          basis,
          first === 0 ? blend : { ...blend, decay: 1 },
        )
      );
    }
  }

  /** Blocks of all examples stand side by side, so that squared lengths of rows are sums over examples. */
  function ofExamples(moments: Matrix, capture: ConvCapture, basis: RowBasis, blend: Blend): void {
    const { examples: n, geometry, images, outputGradients: g } = capture;
    const [T, pixels] = [locationsOf(geometry), geometry.height * geometry.width];
    const { decay = 0, scale = 1 } = blend;
    const [kOut, kIn] = [basis.output.rows, basis.input.rows];
    const [dOut, dIn] = [g.cols, patchLength(geometry)];
    const p = rowProducts(g, basis.output);
    const r = machine.temporary(n * T, kIn);
    conv2d(r, images, basis.input, geometry);
    const block = machine.temporary(kOut, n * kIn);
    const rows = machine.temporary(kOut, n * dIn);
    const columns = machine.temporary(kIn, n * dOut);
    const all = machine.temporary(dOut, n * dIn);
    for (let e = 0; e < n; e++) {
      const [pe, re, ge] = [p, r, g].map((m) => rowsOf(m, e * T, (e + 1) * T));
      const image = rowsOf(images, e * pixels, (e + 1) * pixels);
      gemm(columnsOf(block, e * kIn, (e + 1) * kIn), pe, re, { transposeA: true });
      gemm(columnsOf(columns, e * dOut, (e + 1) * dOut), re, ge, { transposeA: true });
      conv2dWeightGradient(columnsOf(rows, e * dIn, (e + 1) * dIn), image, pe, geometry);
      conv2dWeightGradient(columnsOf(all, e * dIn, (e + 1) * dIn), image, ge, geometry);
    }
    const inside = columnsOf(rowsOf(moments, 0, kOut), 0, kIn);
    if (n === 0) axpby(inside, 0, inside, decay);
    for (let e = 0; e < n; e++) {
      const one = columnsOf(block, e * kIn, (e + 1) * kIn);
      squares(inside, one, { decay: e === 0 ? decay : 1, scale });
    }
    const lengths = machine.temporary(1, Math.max(kOut, kIn));
    const ofRows = columnsOf(lengths, 0, kOut), ofColumns = columnsOf(lengths, 0, kIn);
    rowSquaredNorms(ofRows, rows);
    axpby(
      columnsOf(rowsOf(moments, 0, kOut), kIn, kIn + 1),
      scale,
      reshaped(ofRows, kOut, 1),
      decay,
    );
    rowSquaredNorms(ofColumns, columns);
    const lastRow = rowsOf(moments, kOut, kOut + 1);
    axpby(columnsOf(lastRow, 0, kIn), scale, ofColumns, decay);
    verbs.dot(columnsOf(lastRow, kIn, kIn + 1), all, all, blend);
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
        const c = rowProducts(x, input);
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
        const scaled = machine.temporary(kIn, x.cols);
        scaleRows(scaled, input, columns);
        axpby(out, rest, x, 0);
        gemm(out, output, r, { transposeA: true, beta: 1 });
        gemm(out, c, scaled, { beta: 1 });
      });
    },
  };
}
