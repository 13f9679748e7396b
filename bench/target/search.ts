/**
 * AdamW at its best: every rate with every size of batches, chosen by what it ends with on validation data.
 *
 * @module
 */

import { adamw } from "../zoo/contenders.ts";
import type { Lab } from "../zoo/lab.ts";
import { PacedRun, type RunSettings } from "./run.ts";
import type { Problem, TargetTask } from "./task.ts";

/** What is tried. */
export interface SearchSpace {
  /** Learning rates. */
  readonly rates: readonly number[];
  /** Examples of a step. */
  readonly batches: readonly number[];
}

/** A setting, and what a run with it ended with. */
export interface Found {
  /** How the run was set. */
  readonly settings: RunSettings;
  /** What it ended with on validation data: what it is chosen by. */
  readonly validation: number;
  /** What it ended with on the examples to be judged by: the target. */
  readonly value: number;
}

/** The usual choice. */
export const FULL: SearchSpace = { rates: [5e-4, 1e-3, 3e-3, 1e-2], batches: [32, 128] };

/** For a first look. */
export const QUICK: SearchSpace = { rates: [1e-3, 3e-3], batches: [32, 128] };

/**
 * Runs AdamW with every setting.
 *
 * @param epochs Of every run.
 * @param report Is told of each.
 * @returns The setting that ended lowest on validation data.
 * @throws {Error} When all diverged.
 */
export function searchAdamw(
  lab: Lab,
  task: TargetTask,
  problem: Problem,
  space: SearchSpace,
  { epochs, seed }: Pick<RunSettings, "epochs" | "seed">,
  report: (found: Found) => void,
): Found {
  const settings = space.rates.flatMap((rate) =>
    space.batches.map((batch) => ({ contender: adamw(rate), batch, epochs, seed }))
  );
  let best: Found | undefined;
  for (const setting of settings) {
    using run = new PacedRun(lab, task, problem, setting);
    const value = run.finish();
    const found = { settings: setting, value, validation: isNaN(value) ? NaN : run.validation() };
    report(found);
    if (found.validation < (best?.validation ?? Infinity)) best = found;
  }
  if (best === undefined) throw new Error(`${task.name}: AdamW diverged at every rate`);
  return best;
}
