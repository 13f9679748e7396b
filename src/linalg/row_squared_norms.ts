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
