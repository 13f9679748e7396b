/**
 * Examples that count more or less than others.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";
import { meanOverPositions } from "./mean_over_positions.ts";

/**
 * Multiplies the rows of each example by its weight, or a function of it; leaves them without weights.
 *
 * @param rows [N T, n], changed: T rows of each example.
 * @param weights [N] or more; the first count.
 */
export function weighRows(
  backend: Backend,
  rows: Matrix,
  weights: ArrayLike<number> | undefined,
  positions = 1,
  of: (weight: number) => number = (weight) => weight,
): void {
  if (weights === undefined) return;
  const factors = backend.scratch(1, rows.rows);
  const weightOf = (row: number) => of(weights[Math.floor(row / positions)]);
  backend.write(factors, Float64Array.from({ length: rows.rows }, (_, row) => weightOf(row)));
  backend.scaleRows(rows, rows, factors);
}

/**
 * Losses of examples from those of their predictions: the mean over positions, times the example's weight.
 *
 * @param of Losses [1, N T], and their gradients [N T, K], which become those of the losses that are returned.
 * @returns [1, N]; the losses themselves for one position.
 */
export function exampleLosses(
  backend: Backend,
  { losses, gradients }: { readonly losses: Matrix; readonly gradients: Matrix },
  weights: ArrayLike<number> | undefined,
  positions: number,
): Matrix {
  weighRows(backend, gradients, weights, positions);
  let each = losses;
  if (positions > 1) {
    backend.axpby(gradients, 1 / positions, gradients, 0);
    each = meanOverPositions(backend, losses, positions);
  }
  weighRows(backend, reshaped(each, each.cols, 1), weights);
  return each;
}
