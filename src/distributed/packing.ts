/**
 * Matrices as numbers in a row, symmetric ones by their upper triangle.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Summable } from "./numbers.ts";

/** A matrix to be summed. */
export interface Summand {
  /** Overwritten with the sum. */
  readonly matrix: Matrix;
  /** Whether it is symmetric: half of it is sent. @default {false} */
  readonly symmetric?: boolean;
}

/** A symmetric matrix. */
export function symmetric(matrix: Matrix): Summand {
  return { matrix, symmetric: true };
}

/** Numbers that a matrix is sent as. */
export function packedSize({ matrix: { rows, cols }, symmetric = false }: Summand): number {
  return symmetric ? rows * (rows + 1) / 2 : rows * cols;
}

/** Puts a matrix, read row by row, at a place. */
export function packInto(
  out: Summable,
  at: number,
  { matrix: { rows, cols }, symmetric }: Summand,
  numbers: Summable,
): void {
  if (!symmetric) return out.set(numbers, at);
  for (let i = 0; i < rows; i++) {
    out.set(numbers.subarray(i * cols + i, (i + 1) * cols), at);
    at += cols - i;
  }
}

/** What {@linkcode packInto} has put at a place, row by row; a view of it where that will do. */
export function unpackFrom(
  packed: Summable,
  at: number,
  { matrix: { rows, cols }, symmetric }: Summand,
): Summable {
  if (!symmetric) return packed.subarray(at, at + rows * cols);
  const out = packed instanceof Float32Array
    ? new Float32Array(rows * cols)
    : new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    out.set(packed.subarray(at, at + cols - i), i * cols + i);
    for (let j = i + 1; j < cols; j++) out[j * cols + i] = packed[at + j - i];
    at += cols - i;
  }
  return out;
}
