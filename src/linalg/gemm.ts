/**
 * Matrix products.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, transposed } from "./dense_matrix.ts";

/** Which factors of {@linkcode gemm} are transposed. */
export interface TransposeOptions {
  /** Use A^T instead of A. @default {false} */
  readonly transposeA?: boolean;
  /** Use B^T instead of B. @default {false} */
  readonly transposeB?: boolean;
}

/**
 * `C = op(A) op(B)`, `C_ij = sum_k op(A)_ik op(B)_kj`, in this order of summation.
 *
 * @param a op(A) is [m, k].
 * @param b op(B) is [k, n].
 * @returns [m, n].
 * @throws {RangeError} When the inner sizes differ.
 *
 * @example The product of a row and a column is their dot product
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, gemm } from "@tekfac/tekfac/linalg";
 *
 * const x = denseMatrix(1, 3, [1, 2, 3]);
 * assert.deepEqual([...gemm(x, x, { transposeB: true }).data], [14]);
 * ```
 */
export function gemm(
  a: DenseMatrix,
  b: DenseMatrix,
  { transposeA = false, transposeB = false }: TransposeOptions = {},
): DenseMatrix {
  const left = transposeA ? transposed(a) : a;
  const right = transposeB ? transposed(b) : b;
  if (left.cols !== right.rows) {
    throw new RangeError(
      "Cannot multiply matrices: expected equal inner sizes, " +
        `received ${left.cols} and ${right.rows}`,
    );
  }
  const out = denseMatrix(left.rows, right.cols);
  const n = right.cols;
  for (let i = 0; i < left.rows; i++) {
    for (let k = 0; k < left.cols; k++) {
      const factor = left.data[i * left.cols + k];
      for (let j = 0; j < n; j++) out.data[i * n + j] += factor * right.data[k * n + j];
    }
  }
  return out;
}
