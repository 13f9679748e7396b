/**
 * Directions that the data do not decide. Where a factor's eigenvalues are zero up to rounding (fewer
 * examples than dimensions, say), any rotation of their eigenvectors is as good as any other, and rounding
 * picks one. What later data measure along each of them must not depend on that choice: it is averaged over
 * all of them.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { add, div, formula, largest, max, min, mul, sub, sum } from "../core/formula.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";

/** Keeps quotients finite where there is no data, or no undecided direction. */
const TINY = 1e-30;

const decided = formula({ values: "vector", least: "number" }, ({ values, least }) => ({
  known: min(1, max(0, sub(div(values, max(least, TINY)), 1))),
}));

const leastOf = formula({ values: "vector", share: "number" }, ({ values, share }) => ({
  least: mul(share, largest(values)),
}));

const averaging = formula(
  { known: "vector", others: "number", base: "vector" },
  ({ known, others, base }) => ({
    share: div(sub(1, known), max(add(sum(sub(1, known)), others), TINY)),
    from: sub(base, known),
  }),
);

/**
 * Writes how far each direction is decided: 0 where its eigenvalue is at most `least`, 1 from twice as much on,
 * and linear between, so that it is continuous in the data.
 *
 * @param known [1, k].
 * @param values Eigenvalues of a factor, [1, k].
 * @param least [1, 1]. @default {2k roundoffs of the backend, of the largest eigenvalue}
 */
export function writeKnown(
  backend: Backend,
  known: Matrix,
  values: Matrix,
  least: Matrix = leastDecided(backend, values),
): void {
  backend.evaluate(decided, { values, least }, { known });
}

function leastDecided(backend: Backend, values: Matrix): Matrix {
  const least = backend.scratch(1, 1);
  backend.evaluate(leastOf, { values, share: 2 * values.cols * backend.info.roundoff }, { least });
  return least;
}

/**
 * T of `v' = T v`: with `n = 1 - known`, `v'_i = known_i v_i + n_i (sum_j n_j v_j) / sum_j n_j`, [k, k] in scratch
 * memory. Columns of T sum to one, so the trace is kept; where all is known, T is the identity.
 *
 * @param known [1, k], see {@linkcode writeKnown}.
 */
export function nullAverage(backend: Backend, known: Matrix): Matrix {
  return averagingOf(backend, known, 0, () => 1);
}

/**
 * The same for the values along k of d directions and, as the last one, their total: the undecided ones are
 * averaged with the d - k others, which the total tells of. [k + 1, k + 1] in scratch memory.
 *
 * @param known [1, k + 1], the last one 1.
 * @param dimension d.
 */
export function nullAverageWithTotal(backend: Backend, known: Matrix, dimension: number): Matrix {
  const k = known.cols - 1;
  return averagingOf(backend, known, dimension - k, (j) => j < k ? 0 : 2);
}

/** `diag(known) + share^T (base - known)`. */
function averagingOf(
  backend: Backend,
  known: Matrix,
  others: number,
  base: (j: number) => number,
): Matrix {
  const n = known.cols;
  const [share, from] = [backend.scratch(1, n), backend.scratch(1, n)];
  backend.write(from, Float64Array.from({ length: n }, (_, j) => base(j)));
  backend.evaluate(averaging, { known, others, base: from }, { share, from });
  const out = backend.scratch(n, n);
  diagonal(backend, out, known);
  backend.gemm(out, share, from, { transposeA: true, beta: 1 });
  return out;
}

/** Writes a diagonal matrix. */
export function diagonal(backend: Backend, out: Matrix, values: Matrix): void {
  backend.axpby(out, 0, out, 0);
  const place = { ...out, cols: 1, stride: out.cols + 1 };
  backend.axpby(place, 1, reshaped(values, values.cols, 1), 0);
}
