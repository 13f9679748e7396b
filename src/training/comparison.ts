/**
 * Several optimizers on equal terms: the same initial weights, the same batches, several seeds.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import type { TrainingRecord } from "./trainer.ts";

/** One optimizer's runs. */
export interface Contestant {
  /** Name of the optimizer. */
  readonly name: string;
  /** Its finished runs, one per seed. */
  readonly runs: readonly TrainingRecord[];
  /** What went wrong in each run that did not finish. */
  readonly failures: readonly string[];
}

/** Which run of a comparison is going on. */
export interface Turn<N extends string = string> {
  /** Name of the optimizer. */
  readonly name: N;
  /** Seed of the initial weights and of the order of the examples. */
  readonly seed: number;
}

/**
 * Runs every optimizer with every seed, seed by seed, so that a machine that slows down slows all of
 * them.
 *
 * @param names The optimizers.
 * @param seeds The seeds; a run must depend on its name and seed alone.
 * @param run Trains one model. A run that throws `NumericalError` counts as failed; the comparison goes
 * on.
 */
export async function compare<N extends string>(
  names: readonly N[],
  seeds: readonly number[],
  run: (turn: Turn<N>) => Promise<TrainingRecord>,
): Promise<Contestant[]> {
  const contestants = names.map((name) => ({
    name,
    runs: [] as TrainingRecord[],
    failures: [] as string[],
  }));
  for (const seed of seeds) {
    for (const { name, runs, failures } of contestants) {
      try {
        runs.push(await run({ name, seed }));
      } catch (error) {
        if (!(error instanceof NumericalError)) throw error;
        failures.push(`seed ${seed}: ${error.message}`);
      }
    }
  }
  return contestants;
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

/** Mean and range of some numbers, or `undefined` when there are none. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: Math.min(...values),
    high: Math.max(...values),
  };
}
