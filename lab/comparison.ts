/**
 * What is compared: the runs of several optimizers, and how they scatter.
 *
 * @module
 */

import type { RunSummary } from "@tekfac/tekfac/training";

/** A run and the seed of its initial weights and of the order of its examples. */
export interface SeededRun extends RunSummary {
  /** The seed. Runs of equal seeds are pairs. */
  readonly seed: number;
}

/** What came of a training: a record, or why it diverged. */
export type RunOutcome = { readonly record: RunSummary } | { readonly failure: string };

/** One optimizer's runs. */
export interface Contestant {
  /** Name of the optimizer. */
  readonly name: string;
  /** Its finished runs, at most one per seed. */
  readonly runs: readonly SeededRun[];
  /** What went wrong in each run that did not finish. */
  readonly failures: readonly string[];
}

/** Mean and range of a quantity over runs. */
export interface Spread {
  /** Arithmetic mean. */
  readonly mean: number;
  /** The smallest value. */
  readonly low: number;
  /** The largest value. */
  readonly high: number;
}

/**
 * Mean and range of some numbers, or `undefined` when there are none.
 *
 * @example Three runs
 * ```ts
 * import assert from "node:assert/strict";
 * import { spreadOf } from "./comparison.ts";
 *
 * assert.deepEqual(spreadOf([3, 1, 2]), { mean: 2, low: 1, high: 3 });
 * assert.equal(spreadOf([]), undefined);
 * ```
 */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: Math.min(...values),
    high: Math.max(...values),
  };
}
