/**
 * Numbers that a model outside this library hands over, and the checks that stand between them and the kernels.
 *
 * @module
 */

import { DataError, ShapeError } from "../core/errors.ts";
import { type Matrix, shapeOf } from "../core/matrix.ts";

/** Numbers row by row, or a matrix of the right shape that already lives on the model's backend. */
export type Numbers = ArrayLike<number> | Matrix;

/** Whether numbers are a matrix of a backend. */
export function isMatrix(numbers: Numbers): numbers is Matrix {
  return "storage" in numbers;
}

/** How many numbers there are. */
export function sizeOf(numbers: Numbers): number {
  return isMatrix(numbers) ? numbers.rows * numbers.cols : numbers.length;
}

/**
 * Checks that there are as many numbers as a shape holds.
 *
 * @throws {ShapeError} Otherwise.
 */
export function checkSize(what: string, numbers: Numbers, [rows, cols]: readonly number[]): void {
  const fits = isMatrix(numbers)
    ? numbers.rows === rows && numbers.cols === cols
    : numbers.length === rows * cols;
  if (fits) return;
  throw new ShapeError(
    `Cannot use ${what}`,
    `[${rows}, ${cols}] = ${rows * cols} numbers`,
    isMatrix(numbers) ? shapeOf(numbers) : `${numbers.length}`,
  );
}

/**
 * The same, and that numbers of the host are finite.
 *
 * @throws {ShapeError | DataError} Otherwise.
 */
export function checkNumbers(what: string, numbers: Numbers, shape: readonly number[]): void {
  checkSize(what, numbers, shape);
  if (isMatrix(numbers)) return;
  // 0 * x is 0 for finite x and NaN otherwise: one branch for all.
  let probe = 0;
  for (let i = 0; i < numbers.length; i++) probe += 0 * numbers[i];
  if (probe === 0) return;
  const at = Array.prototype.findIndex.call(numbers, (x: number) => !Number.isFinite(x));
  throw new DataError("batch", `number ${at} of the ${what} must be finite: ${numbers[at]}`);
}
