/**
 * Matrices summarised in one number.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * `sum_ij x_ij y_ij`.
 *
 * @example Sums of matrices
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(2, 2, [1, 2, 3, 4]);
 * assert.deepEqual([linalg.sum(x), linalg.dot(x, x), linalg.trace(x)], [10, 30, 5]);
 * assert(!linalg.allFinite(linalg.denseMatrix(1, 1, [NaN])));
 * ```
 */
export function dot(x: DenseMatrix, y: DenseMatrix): number {
  return pairwiseSum(x.data.map((value, i) => value * y.data[i]));
}

/** `sum_ij x_ij`. */
export function sum(x: DenseMatrix): number {
  return pairwiseSum(x.data);
}

/**
 * `tr X`, X square.
 *
 * @example The trace of the identity is its size
 * ```ts
 * import assert from "node:assert/strict";
 * import { identityMatrix, trace } from "@tekfac/tekfac/linalg";
 *
 * assert.equal(trace(identityMatrix(3)), 3);
 * ```
 */
export function trace(x: DenseMatrix): number {
  return pairwiseSum(x.data.filter((_, i) => i % (x.cols + 1) === 0));
}

/**
 * `out_i = sum_j x_ij y_ij`: the inner products of rows.
 *
 * @param x [n, d].
 * @param y [n, d].
 * @returns [1, n].
 *
 * @example Two rows, two products
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, rowDots } from "@tekfac/tekfac/linalg";
 *
 * const x = denseMatrix(2, 2, [1, 2, 3, 4]), y = denseMatrix(2, 2, [5, 6, 7, 8]);
 * assert.deepEqual([...rowDots(x, y).data], [17, 53]);
 * ```
 */
export function rowDots(x: DenseMatrix, y: DenseMatrix): DenseMatrix {
  const out = denseMatrix(1, x.rows);
  for (let i = 0; i < x.rows; i++) {
    const row = (m: DenseMatrix): Float64Array => m.data.subarray(i * x.cols, (i + 1) * x.cols);
    out.data[i] = pairwiseSum(row(x).map((value, j) => value * row(y)[j]));
  }
  return out;
}

/**
 * What judging a step takes: `(sum u s, sum u^2, sum w^2)` over all entries of an update u, a gradient s and
 * weights w.
 *
 * @returns [1, 3].
 *
 * @example Three sums
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, stepProducts } from "@tekfac/tekfac/linalg";
 *
 * const [u, s, w] = [[1, 2], [3, 4], [5, 6]].map((row) => denseMatrix(1, 2, row));
 * assert.deepEqual([...stepProducts(u, s, w).data], [11, 5, 61]);
 * ```
 */
export function stepProducts(u: DenseMatrix, s: DenseMatrix, w: DenseMatrix): DenseMatrix {
  return denseMatrix(1, 3, [dot(u, s), dot(u, u), dot(w, w)]);
}

/** Whether every entry is finite. */
export function allFinite(x: DenseMatrix): boolean {
  return x.data.every(Number.isFinite);
}

/**
 * A sum by halves, whose rounding error grows with log n instead of n (Higham 2002, section 4.2).
 */
function pairwiseSum(values: Float64Array): number {
  if (values.length <= 8) return values.reduce((total, value) => total + value, 0);
  const half = values.length >> 1;
  return pairwiseSum(values.subarray(0, half)) + pairwiseSum(values.subarray(half));
}
