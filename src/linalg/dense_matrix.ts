/**
 * The plain matrix of the definitions: numbers in float64, row after row, no views.
 *
 * @module
 */

/** A row-major matrix: element (i, j) is `data[i * cols + j]`. */
export interface DenseMatrix {
  /** Number of rows, >= 0. */
  readonly rows: number;
  /** Number of columns, >= 0. */
  readonly cols: number;
  /** `rows * cols` numbers. */
  readonly data: Float64Array;
}

/**
 * A matrix of the given numbers (copied), or of zeros.
 *
 * @param rows Number of rows.
 * @param cols Number of columns.
 * @param data `rows * cols` numbers, row by row. @default {zeros}
 * @throws {RangeError} When the number of numbers differs.
 *
 * @example A 2 x 3 matrix
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const x = denseMatrix(2, 3, [1, 2, 3, 4, 5, 6]);
 * assert.equal(x.data[1 * x.cols + 2], 6);
 * ```
 */
export function denseMatrix(rows: number, cols: number, data?: ArrayLike<number>): DenseMatrix {
  if (data !== undefined && data.length !== rows * cols) {
    throw new RangeError(
      `Cannot create a matrix: expected ${rows} x ${cols} numbers, received ${data.length}`,
    );
  }
  return { rows, cols, data: data ? Float64Array.from(data) : new Float64Array(rows * cols) };
}

/** The n x n identity. */
export function identityMatrix(n: number): DenseMatrix {
  const out = denseMatrix(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = 1;
  return out;
}

/**
 * The square matrix with `values` on its diagonal.
 *
 * @example Small matrices
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const d = linalg.diagonalMatrix([3, 4]);
 * assert.equal(linalg.frobeniusNorm(d), 5);
 * assert.deepEqual(linalg.gemm(d, linalg.identityMatrix(2)), d);
 * assert.deepEqual([...linalg.transposed(linalg.denseMatrix(1, 2, [1, 2])).data], [1, 2]);
 * assert.deepEqual([...linalg.mapMatrix(d, (x) => -x).data], [-3, -0, -0, -4]);
 * ```
 */
export function diagonalMatrix(values: ArrayLike<number>): DenseMatrix {
  const n = values.length;
  const out = denseMatrix(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = values[i];
  return out;
}

/** `X^T`. */
export function transposed(x: DenseMatrix): DenseMatrix {
  const out = denseMatrix(x.cols, x.rows);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) out.data[j * x.rows + i] = x.data[i * x.cols + j];
  }
  return out;
}

/**
 * The matrix of `f(x_ij)`, or of `f(x_ij, y_ij)` when a second matrix of the same shape is given.
 */
export function mapMatrix(
  x: DenseMatrix,
  f: (x: number, y: number) => number,
  y: DenseMatrix = x,
): DenseMatrix {
  return { rows: x.rows, cols: x.cols, data: x.data.map((value, i) => f(value, y.data[i])) };
}

/** `|X|_F`, the root of the sum of squares; safe against overflow. */
export function frobeniusNorm(x: DenseMatrix): number {
  const largest = x.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt(x.data.reduce((sum, value) => sum + (value / largest) ** 2, 0));
}
