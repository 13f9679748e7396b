/**
 * What a normalization is, when it fits, and how it is applied to plain numbers.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/**
 * What is taken off, and what the rest is divided by; one number per channel of images (of brightness in
 * [0, 1]) or column of a table. Plain numbers: `JSON.stringify` keeps it.
 */
export interface Normalization {
  /** Means, finite. */
  readonly mean: readonly number[];
  /** Standard deviations, > 0. */
  readonly deviation: readonly number[];
}

/**
 * Returns normally when a normalization fits so many channels or columns.
 *
 * @throws {DataError} When there is not one finite mean and one deviation > 0 for each.
 */
export function checkNormalization(
  source: string,
  { mean, deviation }: Normalization,
  channels: number,
): void {
  const fits = mean.length === channels && deviation.length === channels &&
    mean.every(Number.isFinite) && deviation.every((d) => Number.isFinite(d) && d > 0);
  if (fits) return;
  throw new DataError(
    source,
    `expected ${channels} finite means and deviations > 0 to normalize by, received ` +
      `[${mean.join(", ")}] and [${deviation.join(", ")}]`,
  );
}

/**
 * `(number - mean) / deviation`, row by row, as batches of a standardized table have it; 0 for NaN, which
 * stands for a missing number. For rows that a model shall predict.
 *
 * @param numbers [rows * columns], the columns those of the normalization.
 * @throws {DataError} When the normalization is none, or there is no whole number of rows.
 *
 * @example There and back
 * ```ts
 * import assert from "node:assert/strict";
 * import { denormalizeNumbers, normalizeNumbers } from "@tekfac/tekfac/data";
 *
 * const by = { mean: [10, 0], deviation: [2, 0.5] };
 * const small = normalizeNumbers([12, 1, 8, NaN], by);
 * assert.deepEqual([...small], [1, 2, -1, 0]);
 * assert.deepEqual([...denormalizeNumbers(small, by)], [12, 1, 8, 0]);
 * ```
 */
export function normalizeNumbers(numbers: ArrayLike<number>, by: Normalization): Float32Array {
  const { mean, deviation } = by;
  checkRows(numbers, by);
  const out = new Float32Array(numbers.length);
  for (let i = 0; i < out.length; i++) {
    const c = i % mean.length;
    out[i] = Number.isNaN(numbers[i]) ? 0 : (numbers[i] - mean[c]) / deviation[c];
  }
  return out;
}

/**
 * `mean + deviation * number`, row by row: what a model that learned from standardized targets predicts, in
 * the units of the targets.
 *
 * @param numbers [rows * columns], the columns those of the normalization.
 * @throws {DataError} When the normalization is none, or there is no whole number of rows.
 */
export function denormalizeNumbers(numbers: ArrayLike<number>, by: Normalization): Float64Array {
  const { mean, deviation } = by;
  checkRows(numbers, by);
  const out = new Float64Array(numbers.length);
  for (let i = 0; i < out.length; i++) {
    const c = i % mean.length;
    out[i] = mean[c] + deviation[c] * numbers[i];
  }
  return out;
}

function checkRows({ length }: ArrayLike<number>, by: Normalization): void {
  const columns = by.mean.length;
  checkNormalization("numbers", by, columns);
  if (columns > 0 && length % columns === 0) return;
  throw new DataError("numbers", `expected rows of ${columns} numbers, received ${length} in all`);
}
