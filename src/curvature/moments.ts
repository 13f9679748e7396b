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

import type { Backend } from "../backend/backend.ts";
import { columnsOf, type Matrix, rowsOf } from "../core/matrix.ts";

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
 *   allClose(backend.readSync(traceOf(moments)), [8], { relative: 1e-12 });
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
export function transportOf(backend: Backend, overlap: Matrix, dimension: number): Matrix {
  const k = overlap.rows;
  const z = complementMean(k, dimension);
  const [directions, rows] = [new Float64Array(k * (k + 1)), new Float64Array((k + 1) ** 2)];
  for (let i = 0; i < k; i++) {
    rows.set(z, i * (k + 1));
    for (let j = 0; j <= k; j++) directions[i * (k + 1) + j] = +(i === j) - z[j];
  }
  rows[rows.length - 1] = 1;
  const out = written(backend, k + 1, k + 1, rows);
  const squares = backend.scratch(k, k);
  backend.squares(squares, overlap);
  const shares = written(backend, k, k + 1, directions);
  backend.gemm(rowsOf(out, 0, k), squares, shares, { beta: 1 });
  return out;
}

/**
 * The eigenvalues that moments describe, each once, those of the complements in the last row and column, [k + 1, l + 1]
 * in scratch memory; not below 0, and 0 where a complement is empty.
 *
 * @param moments [k + 1, l + 1].
 * @param sizes dOut and dIn'.
 */
export function momentValues(
  backend: Backend,
  moments: Matrix,
  [dOut, dIn]: readonly [dOut: number, dIn: number],
): Matrix {
  const [k, l] = [moments.rows - 1, moments.cols - 1];
  const out = backend.scratch(k + 1, l + 1);
  expand(backend, out, moments, [expansion(k, dOut, k + 1), expansion(l, dIn, l + 1)]);
  backend.activation("relu", out, out);
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
  const [k, l] = [moments.rows - 1, moments.cols - 1];
  const out = backend.scratch(dOut, dIn);
  expand(backend, out, moments, [expansion(k, dOut, dOut), expansion(l, dIn, dIn)]);
  return out;
}

/** `out = L M R^T`. */
function expand(
  backend: Backend,
  out: Matrix,
  moments: Matrix,
  [left, right]: readonly [left: Float64Array, right: Float64Array],
): void {
  const half = backend.scratch(out.rows, moments.cols);
  backend.gemm(half, written(backend, out.rows, moments.rows, left), moments);
  backend.gemm(out, half, written(backend, out.cols, moments.cols, right), { transposeB: true });
}

/** `rows` rows that make values of moments: k of the directions, the others the mean over their complement. */
function expansion(k: number, dimension: number, rows: number): Float64Array {
  const out = new Float64Array(rows * (k + 1));
  for (let i = 0; i < k; i++) out[i * (k + 2)] = 1;
  const z = complementMean(k, dimension);
  for (let i = k; i < rows; i++) out.set(z, i * (k + 1));
  return out;
}

/**
 * E |G_n|^2, the trace of the operator, [1, 1]: a view.
 *
 * @example The last of all moments
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { traceOf } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using moments = upload(backend, denseMatrix(2, 2, [6, 8, 6, 9]));
 * assert.equal(backend.readSync(traceOf(moments))[0], 9);
 * ```
 */
export function traceOf(moments: Matrix): Matrix {
  const corner = rowsOf(moments, moments.rows - 1, moments.rows);
  return columnsOf(corner, moments.cols - 1, moments.cols);
}

/** z of `mean over the complement = z . [values, total]`: (-1, ..., -1, 1) / c; zeros where it is empty. */
export function complementMean(k: number, dimension: number): Float64Array {
  const share = dimension > k ? 1 / (dimension - k) : 0;
  const z = new Float64Array(k + 1).fill(-share);
  z[k] = share;
  return z;
}

/** Numbers in scratch memory. */
function written(backend: Backend, rows: number, cols: number, numbers: Float64Array): Matrix {
  const out = backend.scratch(rows, cols);
  backend.write(out, numbers);
  return out;
}
