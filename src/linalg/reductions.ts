/**
 * Matrices summarised in one number.
 *
 * @module
 */

import type { DenseMatrix } from "./dense_matrix.ts";

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
