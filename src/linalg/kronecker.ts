/**
 * A layer's Fisher block and its Kronecker-factored approximations as dense matrices: what the
 * approximations are measured against. Needs (dOut dIn)^2 numbers, so it is for small layers.
 *
 * With row-major `vec` of a [dOut, dIn] matrix, `vec(B X A^T) = (B (x) A) vec X`, so that an output
 * factor B and an input factor A approximate the block as `B (x) A`.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, frobeniusNorm, mapMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import { secondMoment } from "./second_moment.ts";
import type { DenseBasis } from "./rotate.ts";

/**
 * The Kronecker product `B (x) A`: block (i, j) is `b_ij A`.
 *
 * @param b [m, n].
 * @param a [p, q].
 * @returns [m p, n q].
 *
 * @example Blocks of the right factor
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, kron } from "@tekfac/tekfac/linalg";
 *
 * const product = kron(denseMatrix(1, 2, [1, 10]), denseMatrix(1, 2, [2, 3]));
 * assert.deepEqual([...product.data], [2, 3, 20, 30]);
 * ```
 */
export function kron(b: DenseMatrix, a: DenseMatrix): DenseMatrix {
  const out = denseMatrix(b.rows * a.rows, b.cols * a.cols);
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < out.cols; j++) {
      const outer = b.data[Math.floor(i / a.rows) * b.cols + Math.floor(j / a.cols)];
      out.data[i * out.cols + j] = outer * a.data[(i % a.rows) * a.cols + (j % a.cols)];
    }
  }
  return out;
}

/**
 * The Fisher block `F = (1/N) sum_n vec G_n vec G_n^T` of per-example gradients.
 *
 * @param gradients N matrices [dOut, dIn], N >= 1.
 * @returns Symmetric, [dOut dIn, dOut dIn].
 */
export function fisherBlock(gradients: readonly DenseMatrix[]): DenseMatrix {
  const size = gradients[0].data.length;
  const rows = denseMatrix(gradients.length, size);
  gradients.forEach((gradient, n) => rows.data.set(gradient.data, n * size));
  return mapMatrix(secondMoment(rows), (value) => value / gradients.length);
}

/**
 * `(Q_out (x) Q_in) diag(vec Theta) (Q_out (x) Q_in)^T`, the form of EKFAC and TEKFAC.
 *
 * @param theta Eigenvalues, [dOut, dIn].
 * @param basis Eigenvectors.
 * @returns Symmetric, [dOut dIn, dOut dIn].
 */
export function eigenbasisBlock(theta: DenseMatrix, basis: DenseBasis): DenseMatrix {
  const q = kron(basis.output, basis.input);
  const scaled = denseMatrix(q.rows, q.cols, q.data);
  scaled.data.forEach((value, i) => scaled.data[i] = value * theta.data[i % q.cols]);
  return gemm(scaled, q, { transposeB: true });
}

/**
 * `|X - Y|_F`, the error of an approximation.
 *
 * @example A product of Kronecker factors differs from itself by nothing
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.kron(linalg.diagonalMatrix([1, 2]), linalg.diagonalMatrix([3, 4]));
 * assert.deepEqual(x, linalg.diagonalMatrix([3, 4, 6, 8]));
 * assert.equal(linalg.frobeniusDistance(x, linalg.diagonalMatrix([3, 4, 6, 5])), 3);
 * ```
 */
export function frobeniusDistance(x: DenseMatrix, y: DenseMatrix): number {
  return frobeniusNorm(mapMatrix(x, (a, b) => a - b, y));
}
