/**
 * Curvature along a few directions of each side of a layer.
 *
 * @module
 */

import type { ConvCapture, DenseCapture } from "../../../core/capture.ts";
import { locationsOf, patchLength } from "../../../core/geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Blend, RowBasis, Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { multiply, rowDots, rowSquaredNorms } from "./algebra.ts";
import { fieldsOf } from "./convolution.ts";
import { elementGrid, type Machine } from "../device/machine.ts";
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
        const block = timesRows(machine, r, input);
        machine.run(
          kernels.lowRankBlock,
          { x: block, moments, factors, damping },
          { rows: kOut, cols: kIn, exponent },
          elementGrid(kOut * kIn),
        );
        verbs.scaleRows(r, r, columnsOf(factors, 0, kOut));
        multiply(machine, r, block, input, { beta: 1 });
        // Where the outputs' directions are all of them there is nothing else.
        if (outside === 0) return multiply(machine, out, output, r, { transposeA: true });
        const c = timesRows(machine, x, input);
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
  const [dOut, dIn] = [outputGradients.cols, patchLength(geometry)];
  const [kOut, kIn] = [basis.output.rows, basis.input.rows];
  // As in asm/projected_moments.ts: whichever takes fewer operations.
  const formsGradients = (T + kOut + kIn) * dIn * dOut <
    T * (dIn * (kIn + 1) + dOut * kOut + T * ((dIn + dOut) / 2 + kIn + kOut));
  const add = formsGradients ? addGradients : addLocations;
  const perExample = formsGradients
    ? dOut * dIn + kOut * dIn + kIn * (dOut + kOut)
    : T * (dIn + 2 * (kOut + kIn) + 2 * T);
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
    machine.scope(() => add(machine, verbs, moments, part, basis, partBlend));
  }
}

/** From the gradients of all examples, one below the other. */
function addGradients(
  machine: Machine,
  { dot }: Parts,
  moments: Matrix,
  { examples: count, geometry, images, outputGradients: g }: ConvCapture,
  { output, input }: RowBasis,
  blend: Blend,
): void {
  const [dOut, dIn] = [g.cols, patchLength(geometry)];
  const c = machine.temporary(count * dOut, dIn);
  product(
    machine,
    kernels.conv2dWeightGradient,
    { c, images, g },
    { cBatch: dOut * dIn, decay: 0, scale: 1, ...fieldsOf(geometry) },
    { m: dOut, n: dIn, depth: locationsOf(geometry) },
    { leftAlongK: false, batches: count },
  );
  const rows = products(machine, count, output, c, { shared: true });
  const columns = products(machine, count, input, c, { shared: true, transposeB: true });
  const places = placesOf(moments);
  addSquares(machine, places.block, timesRows(machine, rows, input), count, blend);
  addRowDots(machine, places.rows, rows, rows, count, blend);
  addRowDots(machine, places.columns, columns, columns, count, blend);
  dot(places.corner, c, c, blend);
}

/** From inner products of the locations of each example: nothing as large as a gradient is formed. */
function addLocations(
  machine: Machine,
  { dot }: Parts,
  moments: Matrix,
  { examples: count, geometry, images, outputGradients: g }: ConvCapture,
  { output, input }: RowBasis,
  blend: Blend,
): void {
  const a = machine.temporary(g.rows, patchLength(geometry));
  const { rows, cols } = a;
  const numbers = { rows, cols, ...fieldsOf(geometry) };
  machine.run(kernels.patches, { out: a, images }, numbers, elementGrid(rows * cols));
  const byRows = { transposeB: true };
  const [ofInputs, ofOutputs] = [a, g].map((x) => products(machine, count, x, x, byRows));
  const p = products(machine, count, output, g, { shared: true, ...byRows });
  const r = products(machine, count, input, a, { shared: true, ...byRows });
  const places = placesOf(moments);
  addSquares(machine, places.block, products(machine, count, p, r, byRows), count, blend);
  addRowDots(machine, places.rows, p, products(machine, count, p, ofInputs), count, blend);
  addRowDots(machine, places.columns, r, products(machine, count, r, ofOutputs), count, blend);
  dot(places.corner, ofInputs, ofOutputs, blend);
}

/** The parts of M; the last column as a column, the last row as a row. */
function placesOf(moments: Matrix): Record<"block" | "rows" | "columns" | "corner", Matrix> {
  const [kOut, kIn] = [moments.rows - 1, moments.cols - 1];
  const [upper, lower] = [rowsOf(moments, 0, kOut), rowsOf(moments, kOut, kOut + 1)];
  return {
    block: columnsOf(upper, 0, kIn),
    rows: columnsOf(upper, kIn, kIn + 1),
    columns: columnsOf(lower, 0, kIn),
    corner: columnsOf(lower, kIn, kIn + 1),
  };
}

/** `X_n Y_n`, or `X_n Y_n^T`, of each example; both one below the other, unless all `shared` one X. */
function products(
  machine: Machine,
  count: number,
  x: Matrix,
  y: Matrix,
  { shared = false, transposeB = false }: { shared?: boolean; transposeB?: boolean } = {},
): Matrix {
  if (count === 0) return machine.temporary(0, 0);
  const [m, depth] = [shared ? x.rows : x.rows / count, y.rows / count];
  const out = machine.temporary(count * m, transposeB ? depth : y.cols);
  const batch = {
    count,
    c: m * out.cols,
    a: shared ? 0 : m * x.stride,
    b: depth * y.stride,
  };
  const [c, a, b] = [{ ...out, rows: m }, { ...x, rows: m }, { ...y, rows: depth }];
  multiply(machine, c, a, b, { transposeB }, batch);
  return out;
}

/** `out = decay out + scale sum_n X_n^2`. */
function addSquares(
  machine: Machine,
  theta: Matrix,
  gradients: Matrix,
  count: number,
  { decay = 0, scale = 1 }: Blend,
): void {
  const { rows, cols } = theta;
  const numbers = { rows, cols, count, decay, scale };
  machine.run(kernels.addSquares, { theta, gradients }, numbers, elementGrid(rows * cols));
}

/** `out = decay out + scale sum_n (inner products of the rows of X_n and Y_n)`. */
function addRowDots(
  machine: Machine,
  out: Matrix,
  x: Matrix,
  y: Matrix,
  count: number,
  { decay = 0, scale = 1 }: Blend,
): void {
  const parts = machine.temporary(1, x.rows);
  rowDots(machine, parts, x, y);
  const { rows, cols } = out;
  const numbers = { rows, cols, count, decay, scale, flush: 1 };
  machine.run(kernels.combine, { out, parts }, numbers, elementGrid(rows * cols));
}

/** `X Q^T`. */
function timesRows(machine: Machine, x: Matrix, q: Matrix): Matrix {
  const out = machine.temporary(x.rows, q.rows);
  multiply(machine, out, x, q, { transposeB: true });
  return out;
}
