/**
 * Second moments of rows: the curvature factors of KFAC and TKFAC.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * `C = X^T diag(w) X = sum_i w_i x_i x_i^T` over the rows x_i of X.
 *
 * With w = 1 and the layer's inputs it is N times the factor A of KFAC (Martens & Grosse 2015),
 * with the squared norms of the output gradients as w N times PhiRaw of TKFAC (Gao et al. 2021, eq.
 * 4.9).
 *
 * @param x [n, d].
 * @param weights n numbers. @default {all ones}
 * @returns Symmetric, [d, d].
 *
 * @example One row gives a rank-one matrix
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, secondMoment } from "@tekfac/tekfac/linalg";
 *
 * assert.deepEqual([...secondMoment(denseMatrix(1, 2, [1, 3]), [2]).data], [2, 6, 6, 18]);
 * ```
 */
export function secondMoment(x: DenseMatrix, weights?: ArrayLike<number>): DenseMatrix {
  const d = x.cols;
  const out = denseMatrix(d, d);
  for (let i = 0; i < x.rows; i++) {
    const row = x.data.subarray(i * d, (i + 1) * d);
    const weight = weights ? weights[i] : 1;
    for (let p = 0; p < d; p++) {
      for (let q = 0; q < d; q++) out.data[p * d + q] += weight * row[p] * row[q];
    }
  }
  return out;
}
