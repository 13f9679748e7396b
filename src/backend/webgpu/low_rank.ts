/**
 * Curvature along a few directions of each side of a layer.
 *
 * @module
 */

import type { ConvCapture, DenseCapture } from "../../core/capture.ts";
import { locationsOf, patchLength } from "../../core/geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "../../core/matrix.ts";
import type { Blend, RowBasis, Verbs } from "../backend.ts";
import * as kernels from "./_kernels.gen.ts";
import { multiply, rowSquaredNorms } from "./algebra.ts";
import { fieldsOf, timesPatches } from "./convolution.ts";
import { elementGrid, type Machine } from "./machine.ts";
import { product } from "./products.ts";

/** Numbers of the temporaries of one run of examples of a convolution. */
const CHUNK = 1 << 24;

/** Examples of one run at most: a grid holds no more in its third direction. */
const MOST_EXAMPLES = 32768;

/** The verbs of this topic. */
export type LowRank = Pick<Verbs, "projectedMoments" | "lowRankDivide">;

/** What those of this topic are composed of. */
type Parts = Pick<Verbs, "axpby" | "squares" | "scaleRows" | "dot">;

/** The verbs of this topic on one machine. */
export function createLowRank(machine: Machine, verbs: Parts): LowRank {
  return {
    projectedMoments(moments, capture, basis, blend = {}) {
      machine.scope(() => {
        if (capture.kind === "dense") ofDense(machine, verbs, moments, capture, basis, blend);
        else ofConvolution(machine, verbs, moments, capture, basis, blend);
      });
    },

    lowRankDivide(out, x, { output, input }, { moments, damping, exponent = 1 }) {
      const [kOut, kIn] = [output.rows, input.rows];
      const [outside, inside] = [x.rows - kOut, x.cols - kIn];
      machine.scope(() => {
        const factors = machine.temporary(1, kOut + kIn + 1);
        const numbers = { kOut, kIn, outside, inside, exponent };
        machine.run(kernels.lowRankFactors, { factors, moments, damping }, numbers, [1, 1, 1]);
        const r = machine.temporary(kOut, x.cols);
        multiply(machine, r, output, x);
        const c = timesRows(machine, x, input);
        const block = timesRows(machine, r, input);
        machine.run(
          kernels.lowRankBlock,
          { x: block, moments, factors, damping },
          { rows: kOut, cols: kIn, exponent },
          elementGrid(kOut * kIn),
        );
        verbs.scaleRows(r, r, columnsOf(factors, 0, kOut));
        multiply(machine, r, block, input, { beta: 1 });
        const scaled = machine.temporary(kIn, x.cols);
        verbs.scaleRows(scaled, input, columnsOf(factors, kOut, kOut + kIn));
        verbs.axpby(out, columnsOf(factors, kOut + kIn, kOut + kIn + 1), x, 0);
        multiply(machine, out, output, r, { transposeA: true, beta: 1 });
        multiply(machine, out, c, scaled, { beta: 1 });
      });
    },
  };
}

/** A rank-one gradient's square is the square of its factors, and so is its squared length. */
function ofDense(
  machine: Machine,
  { squares }: Parts,
  moments: Matrix,
  { inputs, outputGradients }: DenseCapture,
  basis: RowBasis,
  { decay: beta = 0, scale: alpha = 1 }: Blend,
): void {
  /** Squares of `Q X^T`, and below them the squared lengths of the rows of X, [k + 1, n]. */
  const squaredCoordinates = (q: Matrix, x: Matrix): Matrix => {
    const out = machine.temporary(q.rows + 1, x.rows);
    const projected = rowsOf(out, 0, q.rows);
    multiply(machine, projected, q, x, { transposeB: true });
    squares(projected, projected);
    rowSquaredNorms(machine, rowsOf(out, q.rows, q.rows + 1), x);
    return out;
  };
  const g = squaredCoordinates(basis.output, outputGradients);
  const a = squaredCoordinates(basis.input, inputs);
  multiply(machine, moments, g, a, { transposeB: true, alpha, beta });
}

/** Run by run of examples, so that temporaries stay small. */
function ofConvolution(
  machine: Machine,
  verbs: Parts,
  moments: Matrix,
  { examples, geometry, images, outputGradients, ...rest }: ConvCapture,
  basis: RowBasis,
  blend: Blend,
): void {
  const [T, pixels] = [locationsOf(geometry), geometry.height * geometry.width];
  const [dOut, dIn, kOut, kIn] = [
    outputGradients.cols,
    patchLength(geometry),
    basis.output.rows,
    basis.input.rows,
  ];
  const perExample = dOut * dIn + kOut * dIn + kIn * dOut + T * (kOut + kIn);
  const chunk = Math.max(1, Math.min(examples, MOST_EXAMPLES, Math.floor(CHUNK / perExample)));
  for (let first = 0; first === 0 || first < examples; first += chunk) {
    const last = Math.min(first + chunk, examples);
    const part = {
      ...rest,
      geometry,
      examples: last - first,
      images: rowsOf(images, first * pixels, last * pixels),
      outputGradients: rowsOf(outputGradients, first * T, last * T),
    };
    const partBlend = first === 0 ? blend : { ...blend, decay: 1 };
    machine.scope(() => ofExamples(machine, verbs, moments, part, basis, partBlend));
  }
}

/** Matrices of all examples lie one below the other. */
function ofExamples(
  machine: Machine,
  { dot }: Parts,
  moments: Matrix,
  { examples: count, geometry, images, outputGradients: g }: ConvCapture,
  basis: RowBasis,
  { decay = 0, scale = 1 }: Blend,
): void {
  const T = locationsOf(geometry);
  const [dIn, kOut, kIn] = [patchLength(geometry), basis.output.rows, basis.input.rows];
  const p = timesRows(machine, g, basis.output);
  const r = machine.temporary(count * T, kIn);
  timesPatches(machine, r, images, basis.input, geometry, true);

  /** `X_n^T Y_n` of each example. */
  const products = (x: Matrix, y: Matrix): Matrix => {
    const out = machine.temporary(count * x.cols, y.cols);
    const batch = { count, c: x.cols * y.cols, a: T * x.stride, b: T * y.stride };
    const [c, a, b] = [{ ...out, rows: x.cols }, { ...x, rows: T }, { ...y, rows: T }];
    if (count > 0) multiply(machine, c, a, b, { transposeA: true }, batch);
    return out;
  };
  /** `X_n^T P_n` of each example, P_n its patches. */
  const weightGradients = (x: Matrix): Matrix => {
    const c = machine.temporary(count * x.cols, dIn);
    product(
      machine,
      kernels.conv2dWeightGradient,
      { c, images, g: x },
      { cBatch: x.cols * dIn, decay: 0, scale: 1, ...fieldsOf(geometry) },
      { m: x.cols, n: dIn, depth: T },
      { leftAlongK: false, batches: count },
    );
    return c;
  };
  /** Adds the squared lengths of `k` rows of each example. */
  const addLengths = (out: Matrix, stack: Matrix): void => {
    const parts = machine.temporary(1, stack.rows);
    rowSquaredNorms(machine, parts, stack);
    const { rows, cols } = out;
    const numbers = { rows, cols, count, decay, scale, flush: 1 };
    machine.run(kernels.combine, { out, parts }, numbers, elementGrid(rows * cols));
  };

  const [upper, lower] = [rowsOf(moments, 0, kOut), rowsOf(moments, kOut, kOut + 1)];
  machine.run(
    kernels.addSquares,
    { theta: columnsOf(upper, 0, kIn), gradients: products(p, r) },
    { rows: kOut, cols: kIn, count, decay, scale },
    elementGrid(kOut * kIn),
  );
  addLengths(columnsOf(upper, kIn, kIn + 1), weightGradients(p));
  addLengths(columnsOf(lower, 0, kIn), products(r, g));
  const gradients = weightGradients(g);
  dot(columnsOf(lower, kIn, kIn + 1), gradients, gradients, { decay, scale });
}

/** `X Q^T`. */
function timesRows(machine: Machine, x: Matrix, q: Matrix): Matrix {
  const out = machine.temporary(x.rows, q.rows);
  multiply(machine, out, x, q, { transposeB: true });
  return out;
}
