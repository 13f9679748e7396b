/**
 * Metrics of predictions that are numbers.
 *
 * @module
 */

import type { Metric } from "./metric.ts";

/**
 * Root of the mean squared error, in the units of the targets; over all numbers, where an example has several.
 *
 * @example Off by three and by four
 * ```ts
 * import assert from "node:assert/strict";
 * import { mae, r2, rmse } from "@tekfac/tekfac/training";
 *
 * assert.equal(rmse().of([3, 6], [0, 10]), Math.sqrt(12.5));
 * assert.equal(mae().of([3, 6], [0, 10]), 3.5);
 * assert.equal(r2().of([3, 6], [0, 10]), 1 - 25 / 50);
 * ```
 */
export function rmse(): Metric {
  const of: Metric["of"] = (outputs, targets) =>
    Math.sqrt(squares(outputs, targets) / targets.length);
  return { name: "rmse", better: "lower", of };
}

/** Mean absolute error, in the units of the targets; over all numbers, where an example has several. */
export function mae(): Metric {
  return {
    name: "mae",
    better: "lower",
    of(outputs, targets) {
      let sum = 0;
      for (let i = 0; i < targets.length; i++) sum += Math.abs(outputs[i] - targets[i]);
      return sum / targets.length;
    },
  };
}

/**
 * Share of the targets' variance that is explained, `1 - sum (y - z)^2 / sum (y - mean y)^2`: 1 at best, 0 for whoever
 * predicts the mean, below for worse; NaN where targets are all alike.
 *
 * @param numbers How many numbers each example has, each with a mean of its own; the sums go over all. @default {1}
 */
export function r2(numbers = 1): Metric {
  return {
    name: "r2",
    better: "higher",
    of(outputs, targets) {
      const mean = new Float64Array(numbers);
      for (let i = 0; i < targets.length; i++) {
        mean[i % numbers] += targets[i] * numbers / targets.length;
      }
      let total = 0;
      for (let i = 0; i < targets.length; i++) total += (targets[i] - mean[i % numbers]) ** 2;
      return total === 0 ? NaN : 1 - squares(outputs, targets) / total;
    },
  };
}

function squares(outputs: ArrayLike<number>, targets: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < targets.length; i++) sum += (outputs[i] - targets[i]) ** 2;
  return sum;
}
