/**
 * A matrix as a product of two thin ones (Halko, Martinsson & Tropp 2011, algorithm 4.4).
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { div, formula, max, mul, sqrt } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";

/**
 * `X ~ left^T right` with rows of `left` orthonormal: the part of X that its k leading left singular vectors span, as
 * far as one power iteration from random rows finds them. Four products with X. Inside a scope.
 *
 * @param left [k, m].
 * @param right [k, n].
 * @param x [m, n].
 * @param random Normal numbers, [k, n].
 */
export function writeLowRank(
  backend: Backend,
  left: Matrix,
  right: Matrix,
  x: Matrix,
  random: Matrix,
): void {
  backend.gemm(left, random, x, { transposeB: true });
  orthonormalize(backend, left);
  backend.gemm(right, left, x);
  orthonormalize(backend, right);
  backend.gemm(left, right, x, { transposeB: true });
  orthonormalize(backend, left);
  backend.gemm(right, left, x);
}

/**
 * Rows that span the same space and are orthonormal: `Y <- diag(v)^(-1/2) V^T Y` with `Y Y^T = V diag(v) V^T`. Rows
 * that rounding alone tells from zero stay short.
 */
function orthonormalize(backend: Backend, y: Matrix): void {
  backend.scope(() => {
    const k = y.rows;
    const [gram, vectors] = [backend.scratch(k, k), backend.scratch(k, k)];
    const [values, roots] = [backend.scratch(1, k), backend.scratch(1, k)];
    const [status, total] = [backend.scratch(1, 3), backend.scratch(1, 1)];
    backend.gemm(gram, y, y, { transposeB: true });
    backend.trace(total, gram);
    backend.eigh([{ matrix: gram, vectors, values, status }]);
    const floor = 4 * k * backend.info.roundoff;
    backend.evaluate(inverseRoots, { values, total, floor }, { roots });
    const old = backend.scratch(k, y.cols);
    backend.axpby(old, 1, y, 0);
    backend.gemm(y, vectors, old, { transposeA: true });
    backend.scaleRows(y, y, roots);
  });
}

const inverseRoots = formula(
  { values: "vector", total: "number", floor: "number" },
  ({ values, total, floor }) => ({
    roots: div(1, sqrt(max(max(values, mul(floor, total)), 1e-35))),
  }),
);
