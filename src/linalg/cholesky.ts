/**
 * Symmetric positive definite systems by Cholesky's factorization.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, identityMatrix } from "./dense_matrix.ts";

/**
 * The lower triangular L with `L L^T = X`.
 *
 * @param x Symmetric, [n, n]; the lower triangle is used.
 * @returns L with zeros above the diagonal, or `undefined` when X is not positive definite or not
 * finite.
 *
 * @example Solving with a positive definite matrix
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(2, 2, [4, 2, 2, 5]);
 * const l = linalg.choleskyFactor(x)!;
 * assert.deepEqual([...l.data], [2, 0, 1, 2]);
 * assert.deepEqual([...linalg.choleskySolve(l, linalg.denseMatrix(2, 1, [8, 12])).data], [1, 2]);
 * assert.equal(linalg.choleskyFactor(linalg.denseMatrix(1, 1, [-1])), undefined);
 * ```
 */
export function choleskyFactor(x: DenseMatrix): DenseMatrix | undefined {
  const n = x.rows;
  const l = denseMatrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = x.data[i * n + j];
      for (let k = 0; k < j; k++) rest -= l.data[i * n + k] * l.data[j * n + k];
      if (i === j && !(rest > 0 && Number.isFinite(rest))) return undefined;
      l.data[i * n + j] = i === j ? Math.sqrt(rest) : rest / l.data[j * n + j];
    }
  }
  return l.data.every(Number.isFinite) ? l : undefined;
}

/**
 * The Y with `L L^T Y = R`: one substitution forwards, one backwards.
 *
 * @param l Lower triangular, [n, n], as from {@linkcode choleskyFactor}.
 * @param r Right-hand sides as columns, [n, m].
 * @returns [n, m].
 */
export function choleskySolve(l: DenseMatrix, r: DenseMatrix): DenseMatrix {
  const n = l.rows;
  const m = r.cols;
  const y = denseMatrix(n, m, r.data);
  for (let c = 0; c < m; c++) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) y.data[i * m + c] -= l.data[i * n + k] * y.data[k * m + c];
      y.data[i * m + c] /= l.data[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) y.data[i * m + c] -= l.data[k * n + i] * y.data[k * m + c];
      y.data[i * m + c] /= l.data[i * n + i];
    }
  }
  return y;
}

/**
 * `(scale X + shift I)^-1`.
 *
 * @param x Symmetric, [n, n].
 * @param scale Factor of X. @default {1}
 * @param shift Added to the diagonal. @default {0}
 * @returns Symmetric, [n, n], or `undefined` when the matrix is not positive definite or not
 * finite.
 *
 * @example A damped inverse
 * ```ts
 * import assert from "node:assert/strict";
 * import { choleskyInverse, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const inverse = choleskyInverse(denseMatrix(2, 2, [1, 0, 0, 3]), 1, 1);
 * assert.deepEqual([...inverse!.data].map((v) => v.toFixed(2)), ["0.50", "0.00", "0.00", "0.25"]);
 * ```
 */
export function choleskyInverse(x: DenseMatrix, scale = 1, shift = 0): DenseMatrix | undefined {
  const damped = { ...x, data: x.data.map((value) => scale * value) };
  for (let i = 0; i < x.rows; i++) damped.data[i * x.rows + i] += shift;
  const l = choleskyFactor(damped);
  return l && choleskySolve(l, identityMatrix(x.rows));
}
