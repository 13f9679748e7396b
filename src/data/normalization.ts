/**
 * What a normalization is, and when it fits.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/** What is taken off a channel's brightness, and what the rest is divided by; one number per channel. */
export interface Normalization {
  /** Means of brightness, in [0, 1]. */
  readonly mean: readonly number[];
  /** Standard deviations of brightness, > 0. */
  readonly deviation: readonly number[];
}

/**
 * Returns normally when a normalization fits images.
 *
 * @throws {DataError} When there is not one finite mean and one deviation > 0 per channel.
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
