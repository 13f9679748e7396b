/**
 * Second moments of per-example gradients along a few directions of each side of a layer: the
 * statistics of low-rank curvature.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";

/** A few orthonormal directions of each side of a layer: rows are basis vectors. */
export interface DenseRowBasis {
  /** Of the outputs, [kOut, dOut]. */
  readonly output: DenseMatrix;
  /** Of the inputs, [kIn, dIn]. */
  readonly input: DenseMatrix;
}

/**
 * Sums of squares of the gradients G_n seen through the rows q of a basis:
 *
 * - `M_ij = sum_n (q_i^T G_n q_j)^2`, the block [kOut, kIn];
 * - `M_i,kIn = sum_n |q_i^T G_n|^2`, the last column;
 * - `M_kOut,j = sum_n |G_n q_j|^2`, the last row;
 * - `M_kOut,kIn = sum_n |G_n|^2`, the corner.
 *
 * @param gradients The per-example gradients G_n, [dOut, dIn] each.
 * @param basis The directions; `kOut <= dOut`, `kIn <= dIn`.
 * @returns [kOut + 1, kIn + 1].
 *
 * @example One gradient along the first coordinates
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, projectedMoments } from "@tekfac/tekfac/linalg";
 *
 * const gradient = denseMatrix(2, 2, [1, 2, 3, 4]);
 * const first = denseMatrix(1, 2, [1, 0]);
 * const moments = projectedMoments([gradient], { output: first, input: first });
 * assert.deepEqual([...moments.data], [1, 1 + 4, 1 + 9, 1 + 4 + 9 + 16]);
 * ```
 */
export function projectedMoments(
  gradients: readonly DenseMatrix[],
  basis: DenseRowBasis,
): DenseMatrix {
  const [kOut, kIn] = [basis.output.rows, basis.input.rows];
  const out = denseMatrix(kOut + 1, kIn + 1);
  const add = (x: DenseMatrix, placeOf: (i: number, j: number) => [row: number, col: number]) => {
    for (let i = 0; i < x.rows; i++) {
      for (let j = 0; j < x.cols; j++) {
        const [row, col] = placeOf(i, j);
        out.data[row * out.cols + col] += x.data[i * x.cols + j] ** 2;
      }
    }
  };
  for (const gradient of gradients) {
    const left = gemm(basis.output, gradient);
    add(gemm(left, basis.input, { transposeB: true }), (i, j) => [i, j]);
    add(left, (i) => [i, kIn]);
    add(gemm(gradient, basis.input, { transposeB: true }), (_, j) => [kOut, j]);
    add(gradient, () => [kOut, kIn]);
  }
  return out;
}
