/**
 * Damped division by a curvature that is known along a few directions of each side of a layer, and in
 * the mean elsewhere.
 *
 * Letters: Q_out [kOut, dOut] and Q_in [kIn, dIn] orthonormal rows; M [kOut + 1, kIn + 1] the moments of
 * {@linkcode projectedMoments}; lambda the damping, p the exponent.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, diagonalMatrix, mapMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import type { DenseRowBasis } from "./projected_moments.ts";

/** Eigenvalues of a layer's curvature on the four parts of its space. */
export interface LowRankEigenvalues {
  /** On the directions `q_i q_j^T`, [kOut, kIn]. */
  readonly block: DenseMatrix;
  /** On what is left of a row `q_i ...`, the mean over dIn - kIn directions, [1, kOut]. */
  readonly rows: DenseMatrix;
  /** On what is left of a column `... q_j^T`, the mean over dOut - kOut directions, [1, kIn]. */
  readonly columns: DenseMatrix;
  /** On all the rest. */
  readonly rest: number;
}

/**
 * The eigenvalues behind moments: what the block leaves of the last column, of the last row and of the
 * corner, each divided by the number of directions it is spread over. Not below 0, and 0 where there is
 * no direction.
 *
 * @param moments M.
 * @param basis The directions.
 */
export function lowRankEigenvalues(
  moments: DenseMatrix,
  { output, input }: DenseRowBasis,
): LowRankEigenvalues {
  const [kOut, kIn] = [output.rows, input.rows];
  const [outside, inside] = [output.cols - kOut, input.cols - kIn];
  const at = (i: number, j: number): number => moments.data[i * moments.cols + j];
  const block = denseMatrix(kOut, kIn);
  const rows = denseMatrix(1, kOut);
  const columns = denseMatrix(1, kIn);
  let rest = at(kOut, kIn);
  for (let i = 0; i < kOut; i++) rest -= rows.data[i] = at(i, kIn);
  for (let j = 0; j < kIn; j++) rest -= columns.data[j] = at(kOut, j);
  for (let i = 0; i < kOut; i++) {
    for (let j = 0; j < kIn; j++) {
      block.data[i * kIn + j] = at(i, j);
      rows.data[i] -= at(i, j);
      columns.data[j] -= at(i, j);
      rest += at(i, j);
    }
  }
  const mean = (sum: number, count: number): number => count > 0 ? Math.max(0, sum) / count : 0;
  return {
    block,
    rows: mapMatrix(rows, (sum) => mean(sum, inside)),
    columns: mapMatrix(columns, (sum) => mean(sum, outside)),
    rest: mean(rest, outside * inside),
  };
}

/**
 * `(F + lambda)^-p X` for the operator F with the eigenvalues of {@linkcode lowRankEigenvalues}. With
 * `h(x) = (x + lambda)^-p` each of the four parts of X is multiplied by h of its eigenvalues:
 *
 * `Q_out^T (h(block) o P) Q_in + Q_out^T (h(rows) o (R - P Q_in)) + ((C - Q_out^T P) o h(columns)) Q_in`
 * `+ h(rest) (X - Q_out^T R - C Q_in + Q_out^T P Q_in)`,
 *
 * `R = Q_out X`, `C = X Q_in^T`, `P = Q_out X Q_in^T`. Parts without a direction are left out.
 *
 * @param x [dOut, dIn].
 * @param basis The directions.
 * @param moments M.
 * @param damping lambda, > 0.
 * @param exponent p. @default {1}
 *
 * @example A gradient along the one direction that is known
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, lowRankDivide, lowRankEigenvalues } from "@tekfac/tekfac/linalg";
 *
 * const basis = { output: denseMatrix(1, 1, [1]), input: denseMatrix(1, 3, [1, 0, 0]) };
 * const moments = denseMatrix(2, 2, [3, 3 + 2, 3, 3 + 2]);
 * assert.deepEqual([...lowRankEigenvalues(moments, basis).rows.data], [2 / 2]);
 * const x = denseMatrix(1, 3, [8, 4, 6]);
 * assert.deepEqual([...lowRankDivide(x, basis, moments, 1).data], [8 / 4, 4 / 2, 6 / 2]);
 * ```
 */
export function lowRankDivide(
  x: DenseMatrix,
  basis: DenseRowBasis,
  moments: DenseMatrix,
  damping: number,
  exponent = 1,
): DenseMatrix {
  const { output, input } = basis;
  const { block, rows, columns, rest } = lowRankEigenvalues(moments, basis);
  const h = (value: number): number => (value + damping) ** -exponent;
  const back = (y: DenseMatrix): DenseMatrix => gemm(output, y, { transposeA: true });
  const minus = (y: DenseMatrix, z: DenseMatrix): DenseMatrix => mapMatrix(y, (a, b) => a - b, z);
  const r = gemm(output, x);
  const c = gemm(x, input, { transposeB: true });
  const p = gemm(r, input, { transposeB: true });

  const ofRows = minus(r, gemm(p, input));
  const ofColumns = minus(c, back(p));
  const ofRest = minus(minus(x, back(ofRows)), gemm(c, input));

  const parts = [back(gemm(mapMatrix(p, (value, theta) => value * h(theta), block), input))];
  const someRows = output.rows < output.cols, someColumns = input.rows < input.cols;
  if (someColumns) parts.push(back(gemm(diagonalMatrix(rows.data.map(h)), ofRows)));
  if (someRows) parts.push(gemm(gemm(ofColumns, diagonalMatrix(columns.data.map(h))), input));
  if (someRows && someColumns) parts.push(mapMatrix(ofRest, (value) => value * h(rest)));
  return parts.reduce((sum, part) => mapMatrix(sum, (a, b) => a + b, part));
}
