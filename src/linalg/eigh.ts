/**
 * Eigenvalues and eigenvectors of symmetric matrices by Jacobi's method: the slowest of the usual
 * methods and the most accurate one.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, frobeniusNorm, identityMatrix } from "./dense_matrix.ts";

/** `X = Q diag(values) Q^T`. */
export interface Eigendecomposition {
  /** Eigenvalues, ascending, n numbers. NaN where `converged` is false. */
  readonly values: Float64Array;
  /** Q: orthonormal eigenvectors as columns, in the order of the values, [n, n]. */
  readonly vectors: DenseMatrix;
  /** Number of sweeps over all pairs. */
  readonly sweeps: number;
  /** False when the matrix holds a NaN or an infinity. */
  readonly converged: boolean;
}

/** Quadratic convergence needs about 8 sweeps; none of the stress families takes 20. */
const MAX_SWEEPS = 60;

/**
 * Cyclic Jacobi (Golub & Van Loan 2013, section 8.5): rotates away one off-diagonal element after
 * the other until none is left that could change its diagonal elements.
 *
 * The residual `|X Q - Q diag(values)|_F / |X|_F` and `|Q^T Q - I|_F` are a small multiple of
 * n times the unit roundoff.
 *
 * @param x Symmetric, [n, n]; the mean of both triangles is used.
 *
 * @example A 2 x 2 matrix
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, eigh } from "@tekfac/tekfac/linalg";
 *
 * const { values } = eigh(denseMatrix(2, 2, [2, 1, 1, 2]));
 * assert.ok(Math.abs(values[0] - 1) < 1e-15 && Math.abs(values[1] - 3) < 1e-15);
 * ```
 */
export function eigh(x: DenseMatrix): Eigendecomposition {
  const n = x.rows;
  const scale = frobeniusNorm(x);
  if (!x.data.every(Number.isFinite) || !Number.isFinite(scale)) {
    const values = new Float64Array(n).fill(NaN);
    return { values, vectors: identityMatrix(n), sweeps: 0, converged: false };
  }
  // Scaled to norm 1, so that squares neither overflow nor vanish.
  const s = denseMatrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const mean = x.data[i * n + j] / 2 + x.data[j * n + i] / 2;
      s.data[i * n + j] = scale === 0 ? 0 : mean / scale;
    }
  }
  // Eigenvectors as rows while working, so that a rotation touches two runs of numbers.
  const rows = identityMatrix(n);
  let sweeps = 0;
  for (let rotated = true; rotated && sweeps < MAX_SWEEPS; sweeps++) {
    rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) rotated = annihilate(s, rows, p, q) || rotated;
    }
  }
  const order = Array.from({ length: n }, (_, i) => i);
  order.sort((i, j) => s.data[i * n + i] - s.data[j * n + j]);
  const vectors = denseMatrix(n, n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors.data[i * n + to] = rows.data[from * n + i];
  });
  const values = Float64Array.from(order, (i) => scale * s.data[i * n + i]);
  return { values, vectors, sweeps, converged: sweeps < MAX_SWEEPS };
}

/** Rotates in the plane (p, q) so that s_pq = 0; false when s_pq is already negligible. */
function annihilate(s: DenseMatrix, rows: DenseMatrix, p: number, q: number): boolean {
  const n = s.rows;
  const a = s.data;
  const off = a[p * n + q];
  // Below this, the element moves neither eigenvalue by more than the rounding of a unit norm.
  if (Math.abs(off) <= Number.EPSILON * 2 ** -6) return false;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * off);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cos = 1 / Math.hypot(tangent, 1);
  const sin = tangent * cos;
  for (let k = 0; k < n; k++) {
    const [kp, kq] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = cos * kp - sin * kq;
    a[k * n + q] = sin * kp + cos * kq;
  }
  rotateRows(a, n, p, q, cos, sin);
  rotateRows(rows.data, n, p, q, cos, sin);
  a[p * n + q] = a[q * n + p] = 0;
  return true;
}

function rotateRows(a: Float64Array, n: number, p: number, q: number, cos: number, sin: number) {
  for (let k = 0; k < n; k++) {
    const [pk, qk] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = cos * pk - sin * qk;
    a[q * n + k] = sin * pk + cos * qk;
  }
}
