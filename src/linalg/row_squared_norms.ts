/**
 * Squared lengths of rows: the weights of TKFAC's second moments.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * `out_i = sum_j X_ij^2`.
 *
 * @param x [n, d].
 * @returns [1, n].
 *
 * @example Pythagoras
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, rowSquaredNorms } from "@tekfac/tekfac/linalg";
 *
 * assert.deepEqual([...rowSquaredNorms(denseMatrix(2, 2, [3, 4, 5, 12])).data], [25, 169]);
 * ```
 */
export function rowSquaredNorms(x: DenseMatrix): DenseMatrix {
  const out = denseMatrix(1, x.rows);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) out.data[i] += x.data[i * x.cols + j] ** 2;
  }
  return out;
}

/**
 * `out_i = sum_j x_ij y_ij`.
 *
 * @param x [n, d].
 * @param y [n, d].
 * @returns [1, n].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, rowDots } from "@tekfac/tekfac/linalg";
 *
 * const x = denseMatrix(2, 2, [1, 2, 3, 4]), y = denseMatrix(2, 2, [1, 1, 0, 2]);
 * assert.deepEqual([...rowDots(x, y).data], [3, 8]);
 * ```
 */
export function rowDots(x: DenseMatrix, y: DenseMatrix): DenseMatrix {
  const out = denseMatrix(1, x.rows);
  x.data.forEach((value, at) => out.data[Math.floor(at / x.cols)] += value * y.data[at]);
  return out;
}
