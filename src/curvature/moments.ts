/**
 * Second moments of a layer's per-example gradients `G_n` [dOut, dIn'] along the rows of two bases, Qo [k, dOut]
 * and Qi [l, dIn'], and in all:
 *
 * ```text
 * M = [ E (q_i^T G_n q_j)^2   E |q_i^T G_n|^2 ]      [k + 1, l + 1]
 *     [ E |G_n q_j|^2         E |G_n|^2       ]
 * ```
 *
 * What a row or column of totals holds beyond its k or l directions belongs to their complement, which is
 * taken to be isotropic. So M says what the curvature is everywhere, and its corner is the exact trace.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import type { ConvCapture, DenseCapture, KroneckerCapture } from "../core/capture.ts";
import { locationsOf } from "../core/geometry.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Observation } from "./moving_average.ts";

/** The rows of both bases: Qo [k, dOut] and Qi [l, dIn']. */
export interface RowBases {
  /** Qo. */
  readonly output: Matrix;
  /** Qi. */
  readonly input: Matrix;
}

/** The four parts of moments, as views. */
interface MomentParts {
  /** Along directions of both sides, [k, l]. */
  readonly block: Matrix;
  /** Totals of the output's directions, [k, 1]. */
  readonly outputTotals: Matrix;
  /** Totals of the input's directions, [1, l]. */
  readonly inputTotals: Matrix;
  /** The total, [1, 1]. */
  readonly total: Matrix;
}

function partsOf(moments: Matrix): MomentParts {
  const [k, l] = [moments.rows - 1, moments.cols - 1];
  const [above, below] = [rowsOf(moments, 0, k), rowsOf(moments, k, k + 1)];
  return {
    block: columnsOf(above, 0, l),
    outputTotals: columnsOf(above, l, l + 1),
    inputTotals: columnsOf(below, 0, l),
    total: columnsOf(below, l, l + 1),
  };
}

/**
 * Adds a micro-batch: `M <- decay M + scale sum_n (...)`. Inside a scope.
 *
 * @param moments [k + 1, l + 1].
 */
export function observeMoments(
  backend: Backend,
  moments: Matrix,
  capture: KroneckerCapture,
  bases: RowBases,
  observation: Observation,
): void {
  const parts = partsOf(moments);
  if (capture.kind === "dense") observeDense(backend, parts, capture, bases, observation);
  else observeConvolution(backend, parts, capture, bases, observation);
}

/** `G_n = g abar^T`: every part is a product of squares. */
function observeDense(
  backend: Backend,
  { block, outputTotals, inputTotals, total }: MomentParts,
  { inputs, outputGradients: g }: DenseCapture,
  { output, input }: RowBases,
  observation: Observation,
): void {
  const n = g.rows;
  const squaredCoordinates = (x: Matrix, basis: Matrix): Matrix => {
    const out = backend.scratch(n, basis.rows);
    backend.gemm(out, x, basis, { transposeB: true });
    backend.squares(out, out);
    return out;
  };
  const [p, r] = [squaredCoordinates(g, output), squaredCoordinates(inputs, input)];
  const [gradientNorms, inputNorms] = [backend.scratch(1, n), backend.scratch(1, n)];
  backend.rowSquaredNorms(gradientNorms, g);
  backend.rowSquaredNorms(inputNorms, inputs);
  const options = { transposeA: true, alpha: observation.scale, beta: observation.decay };
  backend.gemm(block, p, r, options);
  backend.gemm(outputTotals, p, reshaped(inputNorms, n, 1), options);
  backend.gemm(inputTotals, reshaped(gradientNorms, n, 1), r, options);
  backend.dot(total, gradientNorms, inputNorms, observation);
}

/** `G_n` is a sum over locations: one example at a time. */
function observeConvolution(
  backend: Backend,
  { block, outputTotals, inputTotals, total }: MomentParts,
  { examples, geometry, images, outputGradients }: ConvCapture,
  { output, input }: RowBases,
  { decay, scale }: Observation,
): void {
  const pixels = geometry.height * geometry.width;
  const locations = locationsOf(geometry);
  const [k, l, dOut, dIn] = [output.rows, input.rows, output.cols, input.cols];
  const gradient = backend.scratch(dOut, dIn);
  const alongOutput = backend.scratch(k, dIn);
  const alongInput = backend.scratch(l, dOut);
  const along = backend.scratch(k, l);
  const sums = backend.scratch(1, k);
  for (let n = 0; n < examples; n++) {
    const blend = { decay: n === 0 ? decay : 1, scale };
    const image = rowsOf(images, n * pixels, (n + 1) * pixels);
    const g = rowsOf(outputGradients, n * locations, (n + 1) * locations);
    backend.conv2dWeightGradient(gradient, image, g, geometry);
    backend.gemm(alongOutput, output, gradient);
    backend.gemm(alongInput, input, gradient, { transposeB: true });
    backend.gemm(along, alongOutput, input, { transposeB: true });
    backend.squares(block, along, blend);
    backend.rowDots(sums, alongOutput, alongOutput, { decay: n === 0 ? 0 : 1 });
    backend.rowDots(inputTotals, alongInput, alongInput, blend);
    backend.dot(total, gradient, gradient, blend);
  }
  backend.axpby(outputTotals, scale, reshaped(sums, k, 1), decay);
}

/**
 * `out = (F + lambda)^-p X` for the operator F that moments describe: with `h = (means + lambda)^-p` of the
 * eigenvalues and complement means, `R = Qo X`, `C = X Qi^T`, `P = Qo X Qi^T`,
 *
 * ```text
 * out = h_cc X + Qo^T [ (h_ic - h_cc) o R + ((h_ij - h_ic - h_cj + h_cc) o P) Qi ] + [ (h_cj - h_cc) o C ] Qi
 * ```
 *
 * c standing for a complement; where one is empty its h counts as 0. Inside a scope.
 *
 * @param out [dOut, dIn'], not x.
 * @param moments [k + 1, l + 1].
 */
export function divideByMoments(
  backend: Backend,
  out: Matrix,
  x: Matrix,
  { output, input }: RowBases,
  moments: Matrix,
  division: { readonly damping: Scalar; readonly exponent: number },
): void {
  const { rows: dOut, cols: dIn } = x;
  const [k, l] = [output.rows, input.rows];
  const coefficients = partsOf(inverseOf(backend, moments, [dOut, dIn], division));
  const [wholeOutput, wholeInput] = [k === dOut, l === dIn];

  const alongOutput = backend.scratch(k, dIn);
  backend.gemm(alongOutput, output, x);
  const along = backend.scratch(k, l);
  backend.gemm(along, alongOutput, input, { transposeB: true });
  backend.multiply(along, along, coefficients.block);
  if (!wholeInput) {
    const weights = backend.scratch(k, 1);
    backend.axpby(weights, 1, coefficients.outputTotals, 0);
    backend.scaleRows(alongOutput, alongOutput, reshaped(weights, 1, k));
  }
  backend.gemm(alongOutput, along, input, { beta: wholeInput ? 0 : 1 });

  if (wholeOutput) return backend.gemm(out, output, alongOutput, { transposeA: true });
  const alongInput = backend.scratch(l, dOut);
  backend.gemm(alongInput, input, x, { transposeB: true });
  backend.scaleRows(alongInput, alongInput, coefficients.inputTotals);
  if (!wholeInput) backend.axpby(out, coefficients.total, x, 0);
  backend.gemm(out, output, alongOutput, { transposeA: true, beta: wholeInput ? 0 : 1 });
  backend.gemm(out, alongInput, input, { transposeA: true, beta: 1 });
}

/**
 * The coefficients of {@linkcode divideByMoments}, in the places of the moments, [k + 1, l + 1] in scratch
 * memory: differences of `h`, as `D_out h D_in^T`.
 */
function inverseOf(
  backend: Backend,
  moments: Matrix,
  [dOut, dIn]: readonly [dOut: number, dIn: number],
  { damping, exponent }: { readonly damping: Scalar; readonly exponent: number },
): Matrix {
  const { rows, cols } = moments;
  const sandwiched = (left: Matrix, x: Matrix, right: Matrix): Matrix => {
    const half = backend.scratch(rows, cols);
    backend.gemm(half, left, x);
    const out = backend.scratch(rows, cols);
    backend.gemm(out, half, right, { transposeB: true });
    return out;
  };
  const meansOf = (size: number, d: number): Matrix => {
    const z = complementMean(size - 1, d);
    return matrixOf(backend, size, size, (i, j) => i < size - 1 ? +(i === j) : z[j]);
  };
  // An empty complement takes no part: nothing is subtracted, and nothing is left for it.
  const differences = (size: number, d: number): Matrix =>
    matrixOf(backend, size, size, (i, j) => {
      if (i === j) return size - 1 === d && i === size - 1 ? 0 : 1;
      return i < size - 1 && j === size - 1 && d >= size ? -1 : 0;
    });
  const means = sandwiched(meansOf(rows, dOut), moments, meansOf(cols, dIn));
  // Rounding may leave means just below zero.
  backend.activation("relu", means, means);
  const ones = matrixOf(backend, rows, cols, () => 1);
  backend.dampedDivide(ones, ones, { eigenvalues: means, damping, exponent });
  return sandwiched(differences(rows, dOut), ones, differences(cols, dIn));
}

/**
 * Carries moments over to new bases, `M <- T_out M T_in^T`: exactly the moments, along the new bases, of the
 * operator that the old moments describe; its trace is kept. Inside a scope.
 *
 * One side, with `A = (Q' Q^T)^o2` and `r = 1 - A 1` (the share of a new direction that lies in the old
 * complement, of c = d - k dimensions): a vector of values v and their total t becomes
 * `v' = A v + r (t - 1^T v) / c`, `t' = t`.
 *
 * @param moments [k + 1, l + 1].
 * @param overlaps `Q' Q^T` of each side, [k, k] and [l, l].
 * @param sizes dOut and dIn'.
 *
 * @example Half of a new direction comes from the complement
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { momentSpectrum, transportMoments } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * // One output; of three input directions one is known, with eigenvalue 6; the others have 1 each.
 * using moments = upload(backend, denseMatrix(2, 2, [6, 8, 6, 8]));
 * using output = upload(backend, denseMatrix(1, 1, [1]));
 * using input = upload(backend, denseMatrix(1, 1, [Math.SQRT1_2]));
 * backend.scope(() => {
 *   allClose(backend.readSync(momentSpectrum(backend, moments, [1, 3])), [6, 1, 1], { relative: 1e-12 });
 *   transportMoments(backend, moments, { output, input }, [1, 3]);
 *   allClose(backend.readSync(moments), [3.5, 8, 3.5, 8], { relative: 1e-12 });
 * });
 * ```
 */
export function transportMoments(
  backend: Backend,
  moments: Matrix,
  overlaps: { readonly output: Matrix; readonly input: Matrix },
  [dOut, dIn]: readonly [dOut: number, dIn: number],
): void {
  const half = backend.scratch(moments.rows, moments.cols);
  backend.gemm(half, transportOf(backend, overlaps.output, dOut), moments);
  backend.gemm(moments, half, transportOf(backend, overlaps.input, dIn), { transposeB: true });
}

/** `T = [A K + 1 z; 0 1]` with `K = [I 0] - 1 z` and z as of {@linkcode complementMean}, [k + 1, k + 1]. */
function transportOf(backend: Backend, overlap: Matrix, dimension: number): Matrix {
  const k = overlap.rows;
  const z = complementMean(k, dimension);
  const directions = matrixOf(backend, k, k + 1, (i, j) => (i === j ? 1 : 0) - z[j]);
  const out = matrixOf(backend, k + 1, k + 1, (i, j) => i < k ? z[j] : +(j === k));
  const squares = backend.scratch(k, k);
  backend.squares(squares, overlap);
  backend.gemm(rowsOf(out, 0, k), squares, directions, { beta: 1 });
  return out;
}

/**
 * All eigenvalues of the operator that moments describe, those of the complements repeated, [dOut, dIn'] in
 * scratch memory.
 *
 * @param moments [k + 1, l + 1].
 * @param sizes dOut and dIn'.
 */
export function momentSpectrum(
  backend: Backend,
  moments: Matrix,
  [dOut, dIn]: readonly [dOut: number, dIn: number],
): Matrix {
  const expansion = (k: number, d: number): Matrix => {
    const z = complementMean(k, d);
    return matrixOf(backend, d, k + 1, (i, j) => i < k ? +(i === j) : z[j]);
  };
  const half = backend.scratch(dOut, moments.cols);
  backend.gemm(half, expansion(moments.rows - 1, dOut), moments);
  const out = backend.scratch(dOut, dIn);
  backend.gemm(out, half, expansion(moments.cols - 1, dIn), { transposeB: true });
  return out;
}

/** E |G_n|^2, the trace of the operator, [1, 1]: a view. */
export function traceOf(moments: Matrix): Matrix {
  const corner = rowsOf(moments, moments.rows - 1, moments.rows);
  return columnsOf(corner, moments.cols - 1, moments.cols);
}

/** z of `mean over the complement = z . [values, total]`: (-1, ..., -1, 1) / c; zeros where it is empty. */
function complementMean(k: number, dimension: number): Float64Array {
  const share = dimension > k ? 1 / (dimension - k) : 0;
  return Float64Array.from({ length: k + 1 }, (_, j) => j < k ? -share : share);
}

function matrixOf(
  backend: Backend,
  rows: number,
  cols: number,
  value: (i: number, j: number) => number,
): Matrix {
  const out = backend.scratch(rows, cols);
  const numbers = Float64Array.from(
    { length: rows * cols },
    (_, at) => value(Math.floor(at / cols), at % cols),
  );
  backend.write(out, numbers);
  return out;
}
