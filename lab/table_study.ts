/**
 * Optimizers on a table of numbers, split by split: TEKFAC's defaults against the best of three learning rates of
 * each of the others.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { Table } from "@tekfac/tekfac/data";
import { type ContenderName, factorsOf } from "./table_contenders.ts";
import { runTrial, type Trial, type TrialSettings } from "./table_trial.ts";

/**
 * How a table is learned from unless somebody says otherwise. Every epoch is run and the best one kept: what is
 * stopped on the way never sees the end of the annealing, which some methods need more than others.
 */
export const tableSettings: TrialSettings = {
  hidden: [64, 64],
  validation: 0.1,
  epochs: 100,
  patience: 100,
  batch: 32,
  seed: 0,
};

/** What is compared. */
export interface TableStudy extends TrialSettings {
  /** Who. */
  readonly optimizers: readonly ContenderName[];
  /** Rows of the test part of each split. */
  readonly testRows: readonly (readonly number[])[];
}

/** A contender on one split, at the learning rate whose validation rows said so. */
export interface Chosen extends Trial {
  /** What its default learning rate was multiplied by. */
  readonly factor: number;
  /** Seconds of processor time of all rates that were tried. */
  readonly allSeconds: number;
}

/** A contender on all splits. */
export interface TableOutcome {
  /** Its name. */
  readonly optimizer: ContenderName;
  /** Root mean squared errors of the splits' test rows, in the unit of the target; NaN where training failed. */
  readonly errors: readonly number[];
  /** Mean of the errors. */
  readonly mean: number;
  /** Mean place among the optimizers, 1 the best; ties share theirs. */
  readonly rank: number;
  /** Seconds of processor time of training, of all rates that were tried. */
  readonly seconds: number;
}

/** Finds a training that has been made before, or makes it. */
export type Trials = (
  key: { readonly name: ContenderName; readonly factor: number },
  make: () => Promise<Trial>,
) => Promise<Trial>;

/** Trains every optimizer on every split. */
export async function studyTable(
  backend: Backend,
  data: Table,
  study: TableStudy,
): Promise<TableOutcome[]> {
  const splits: Chosen[][] = [];
  for (const [split, testRows] of study.testRows.entries()) {
    splits.push(await studySplit(backend, data, testRows, { ...study, seed: study.seed + split }));
  }
  return outcomesOf(study.optimizers, splits);
}

/** Trains every optimizer on one split, in turn. */
export async function studySplit(
  backend: Backend,
  data: Table,
  testRows: readonly number[],
  study: Omit<TableStudy, "testRows">,
  trials: Trials = (_, make) => make(),
): Promise<Chosen[]> {
  const chosen: Chosen[] = [];
  for (const name of study.optimizers) {
    const tried: (Trial & { readonly factor: number })[] = [];
    for (const factor of factorsOf(name)) {
      const key = { name, factor };
      const trial = await trials(key, () => runTrial(backend, data, testRows, study, key));
      tried.push({ ...trial, factor });
    }
    const best = tried.reduce((a, b) =>
      (b.validation ?? Infinity) < (a.validation ?? Infinity) ? b : a
    );
    chosen.push({ ...best, allSeconds: tried.reduce((sum, { seconds }) => sum + seconds, 0) });
  }
  return chosen;
}

/**
 * What contenders come to.
 *
 * @param splits What each did on each split, in the order of the names.
 */
export function outcomesOf(
  optimizers: readonly ContenderName[],
  splits: readonly (readonly Chosen[])[],
): TableOutcome[] {
  const errors = optimizers.map((_, i) => splits.map((split) => split[i].error ?? NaN));
  const ranks = meanRanks(errors);
  return optimizers.map((optimizer, i) => ({
    optimizer,
    errors: errors[i],
    mean: mean(errors[i]),
    rank: ranks[i],
    seconds: splits.reduce((sum, split) => sum + split[i].allSeconds, 0),
  }));
}

/** Mean place of each row among all rows, column by column; NaN comes last, and ties share their places. */
export function meanRanks(rows: readonly (readonly number[])[]): number[] {
  const value = (x: number) => Number.isNaN(x) ? Infinity : x;
  return rows.map((row) =>
    mean(row.map((own, split) => {
      const all = rows.map((other) => value(other[split]));
      const below = all.filter((other) => other < value(own)).length;
      const equal = all.filter((other) => other === value(own)).length;
      return below + (equal + 1) / 2;
    }))
  );
}

/** Seconds until a training's validation error was at most so much; infinite where it never was. */
export function secondsTo(error: number, { course }: Pick<Trial, "course">): number {
  return course.find((milestone) => milestone.error <= error)?.seconds ?? Infinity;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
