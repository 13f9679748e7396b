/**
 * Examples that count more or less than others.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";

/**
 * Multiplies the row of each example by its weight, or a function of it; leaves them without weights.
 *
 * @param rows [N, n], changed.
 * @param weights [N].
 */
export function weighRows(
  backend: Backend,
  rows: Matrix,
  weights: ArrayLike<number> | undefined,
  of: (weight: number) => number = (weight) => weight,
): void {
  if (weights === undefined) return;
  const factors = backend.scratch(1, rows.rows);
  backend.write(factors, Float64Array.from({ length: rows.rows }, (_, n) => of(weights[n])));
  backend.scaleRows(rows, rows, factors);
}
