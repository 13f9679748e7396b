/**
 * How two optimizers compare on equal seeds, and how sure that is.
 *
 * @module
 */

import { OptionError, Random } from "@tekfac/tekfac/core";

/** A geometric mean of ratios with an interval. */
export interface RatioEstimate {
  /** `exp(mean of log ratios)`. */
  readonly ratio: number;
  /** Lower end of the 95 % bootstrap interval; `null` with fewer than two pairs. */
  readonly low: number | null;
  /** Upper end; `null` with fewer than two pairs. */
  readonly high: number | null;
  /** How many ratios. */
  readonly pairs: number;
}

/** Resamples of the bootstrap: the ends of the interval then repeat to about a hundredth of its width. */
const RESAMPLES = 10_000;

/** 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom. */
const STUDENT: readonly number[] = [
  ...[12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16],
  ...[2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052],
];

/**
 * Geometric mean of ratios with its 95 % bootstrap interval: the ratios are drawn anew with repetition
 * 10,000 times, and the interval holds the middle of the geometric means.
 *
 * How much of the middle is that of Hesterberg's expanded percentile interval (2015, "What teachers
 * should know about the bootstrap", section 3.4): with n pairs the tails have
 * `Phi(-sqrt(n / (n - 1)) t)` each, t being Student's 97.5 % quantile for n - 1 degrees of freedom. It
 * never reaches beyond the observed ratios, so that of few pairs is still too narrow: where logarithms of
 * ratios are normal, it covers what it should in 76 % of cases with three pairs, in 92 % with five and in
 * 95 % with ten (measured; tails of 2.5 % would cover 83 % with five). It is silent about other data sets
 * and other settings.
 *
 * @param ratios One per pair, > 0.
 * @param seed Of the resampling; equal seeds give equal intervals. @default {0}
 * @returns `undefined` without ratios.
 * @throws {OptionError} When a ratio is not a finite number > 0.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { geometricMean } from "./paired_statistics.ts";
 *
 * const { ratio, low, high } = geometricMean([0.5, 0.5, 0.5])!;
 * assert([ratio, low!, high!].every((x) => Math.abs(x - 0.5) < 1e-12));
 * ```
 */
export function geometricMean(ratios: readonly number[], seed = 0): RatioEstimate | undefined {
  if (ratios.length === 0) return undefined;
  const wrong = ratios.find((ratio) => !(ratio > 0 && Number.isFinite(ratio)));
  if (wrong !== undefined) {
    throw new OptionError("Cannot average ratios", "ratios", "must be a finite number > 0", wrong);
  }
  const logs = ratios.map(Math.log);
  const ratio = Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length);
  if (ratios.length < 2) return { ratio, low: null, high: null, pairs: 1 };
  const random = new Random(seed);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let i = 0; i < logs.length; i++) sum += logs[random.integer(logs.length)];
    return sum / logs.length;
  }).sort();
  const at = (share: number): number => Math.exp(means[Math.round(share * (RESAMPLES - 1))]);
  const tail = tailOf(logs.length);
  return { ratio, low: at(tail), high: at(1 - tail), pairs: logs.length };
}

/** The share of bootstrap means beyond each end of the interval of n pairs. */
function tailOf(n: number): number {
  const freedom = n - 1;
  const t = STUDENT[freedom - 1] ?? 1.96 + 2.5 / freedom;
  return normalTail(Math.sqrt(n / freedom) * t);
}

/** `1 - Phi(x)` for x >= 0, within 7.5e-8 (Abramowitz & Stegun 1964, 26.2.17). */
function normalTail(x: number): number {
  const k = 1 / (1 + 0.2316419 * x);
  const series = k *
    (0.31938153 +
      k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * series;
}

/** Something that was measured with a seed. */
export interface Measured {
  /** The seed. */
  readonly seed: number;
  /** What was measured. */
  readonly value: number;
}

/**
 * Ratios of values with equal seeds, as far as both are finite and > 0.
 *
 * @example Losses of two optimizers, of which one seed was not finished by both
 * ```ts
 * import assert from "node:assert/strict";
 * import { geometricMean, pairedRatios } from "./paired_statistics.ts";
 *
 * const tekfac = [{ seed: 1, value: 0.1 }, { seed: 2, value: 0.2 }, { seed: 3, value: 0.1 }];
 * const adam = [{ seed: 3, value: 0.2 }, { seed: 2, value: 0.8 }];
 * const ratios = pairedRatios(tekfac, adam);
 * assert.deepEqual(ratios, [0.2 / 0.8, 0.1 / 0.2]); // of seeds 2 and 3
 * assert.equal(geometricMean(ratios)!.ratio.toFixed(4), Math.sqrt(1 / 8).toFixed(4));
 * ```
 */
export function pairedRatios(
  numerators: readonly Measured[],
  denominators: readonly Measured[],
): number[] {
  const usable = (value: number | undefined): value is number =>
    value !== undefined && Number.isFinite(value) && value > 0;
  return numerators.flatMap(({ seed, value }) => {
    const other = denominators.find((candidate) => candidate.seed === seed)?.value;
    return usable(value) && usable(other) ? [value / other] : [];
  });
}
