/**
 * Several optimizers on equal terms: an equal number of trials to find settings on a seed held out, then
 * runs of the best settings with fresh seeds. A trial is judged by examples that are held back from those that
 * the runs learn from; nobody looks at the test set before the runs. Whatever has been done once is not done again.
 *
 * @module
 */

import { NumericalError } from "@tekfac/tekfac/core";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import type { RunSummary } from "@tekfac/tekfac/training";
import type { RunOutcome, SeededRun } from "./comparison.ts";
import { searchKeys, searchPoints, searchSpaces } from "./search_space.ts";
import type { SearchKey, SearchPoint } from "./search_space.ts";

/** What a laboratory is to find out. */
export interface LaboratoryPlan {
  /** The optimizers. */
  readonly optimizers: readonly OptimizerName[];
  /** Seeds of the runs that count. */
  readonly seeds: readonly number[];
  /** Passes over the examples to learn from, of every trial and run, >= 0. */
  readonly epochs: number;
  /**
   * Whether slower optimizers are run once more with each seed, for as many epochs as fit into the time of
   * the quickest one's, annealed over those. @default {false}
   */
  readonly equalTime?: boolean;
  /** How settings are found; without it those that optimizers begin from are run. */
  readonly search?: SearchPlan;
}

/** How settings are found. */
export interface SearchPlan {
  /** Trials of every optimizer, >= 1; the first one is what it begins from. */
  readonly trials: number;
  /** Seed of every trial's weights and batches, and of the places tried. None of the runs' seeds. */
  readonly seed: number;
  /** What varies. @default {all that an optimizer has} */
  readonly keys?: readonly SearchKey[];
}

/** One training to be done. */
export interface Assignment {
  /** A trial of the search, a run that counts, or one that is as long as the time allows. */
  readonly kind: "trial" | "run" | "timed";
  /** What trains. */
  readonly optimizer: OptimizerName;
  /** Number of the trial, or of the seed's place among the seeds, from 0. */
  readonly index: number;
  /** Seed of initial weights and of the order of the examples. */
  readonly seed: number;
  /** Where in its search space. */
  readonly point: SearchPoint;
  /** Passes over the examples to learn from. */
  readonly epochs: number;
}

/** Remembers what has been done. */
export interface Journal {
  /** What came of an assignment, or `undefined` when it has not been done. */
  find(assignment: Assignment): RunOutcome | undefined;
  /** Keeps what came of it; when this resolves, an interruption may come. */
  add(assignment: Assignment, outcome: RunOutcome): void | Promise<void>;
}

/** One trial of a search. */
export interface TrialResult {
  /** Where in the search space. */
  readonly point: SearchPoint;
  /** What it was judged by, on examples held back for trials; `null` where training diverged. */
  readonly value: number | null;
  /** Training time; 0 where training diverged. */
  readonly seconds: number;
}

/** What was found out about one optimizer. */
export interface Finding {
  /** Name of the optimizer. */
  readonly name: OptimizerName;
  /** All trials, in order; empty without a search. */
  readonly trials: readonly TrialResult[];
  /** Where the runs were done: the trial with the lowest value, or the settings it began from. */
  readonly point: SearchPoint;
  /** Its finished runs. */
  readonly runs: readonly SeededRun[];
  /** What went wrong in each run that did not finish. */
  readonly failures: readonly string[];
  /**
   * Runs of equal time: those of all epochs for the quickest optimizer, shorter ones for the others.
   * `undefined` where that was not asked for, or has not been reached.
   */
  readonly timed?: TimedRuns;
}

/** Runs whose length is decided by time. */
export interface TimedRuns {
  /** Epochs that fit into the time of the quickest optimizer, at least 1. */
  readonly epochs: number;
  /** The runs that finished. */
  readonly runs: readonly SeededRun[];
}

/** All that was found out. */
export interface Findings {
  /** One per optimizer. */
  readonly optimizers: readonly Finding[];
  /** Whether all of the plan is done. */
  readonly complete: boolean;
  /** Trainings done, including those found in the journal. */
  readonly done: number;
  /** Trainings of the whole plan. */
  readonly total: number;
}

/** How the work is done. */
export interface LaboratoryWork {
  /**
   * Trains once; a trial must not see the examples that runs are judged by. One that throws `NumericalError` counts as failed, and the others go on; any other
   * error ends the work.
   */
  perform(assignment: Assignment): Promise<RunSummary>;
  /** What a trial is judged by, the lower the better. */
  judge(record: RunSummary): number;
  /** Remembers what has been done. @default {nothing} */
  readonly journal?: Journal;
  /** Asked before each training; when it says no, what has been found so far is returned. @default {yes} */
  mayGoOn?(): boolean;
  /** Is told what came of each training, with how many are done by then, of how many. */
  onOutcome?(assignment: Assignment, outcome: RunOutcome, done: number, total: number): void;
}

/**
 * Does what a plan asks for. Trials and runs take turns: trial by trial and then seed by seed, each with
 * every optimizer, so that a machine that slows down slows all of them. Runs of equal time come last.
 *
 * @example A search that finds the bottom of a bowl
 * ```ts
 * import assert from "node:assert/strict";
 * import type { RunSummary } from "@tekfac/tekfac/training";
 * import { runLaboratory } from "./laboratory.ts";
 *
 * // Stands for a training, which would take its settings from `settingsAt`.
 * const trained = (learningRate = 1): RunSummary => ({
 *   epochs: [],
 *   trainLoss: 1,
 *   testLoss: 1 + Math.log(learningRate / 0.01) ** 2,
 *   testAccuracy: null,
 *   seconds: 1,
 *   stepMs: 1,
 * });
 * const findings = await runLaboratory({
 *   optimizers: ["adam"],
 *   seeds: [1, 2, 3],
 *   epochs: 4,
 *   search: { trials: 10, seed: 1000, keys: ["learningRate"] },
 * }, {
 *   perform: ({ point }) => Promise.resolve(trained(point.learningRate)),
 *   judge: ({ testLoss }) => testLoss,
 * });
 *
 * const [{ point, trials, runs }] = findings.optimizers;
 * assert.deepEqual([trials.length, runs.length, findings.done], [10, 3, 13]);
 * const best = Math.min(...trials.map(({ value }) => value!));
 * assert.equal(trained(point.learningRate).testLoss, best);
 * assert(best < trials[0].value!); // of the settings it began from
 * ```
 */
export async function runLaboratory(plan: LaboratoryPlan, work: LaboratoryWork): Promise<Findings> {
  const { optimizers, seeds, search, equalTime = false } = plan;
  const runs = optimizers.length * seeds.length;
  const trials = (search?.trials ?? 0) *
    optimizers.filter((name) => search !== undefined && hasChoice(name, search)).length;
  const progress = new Progress(work, trials + (equalTime ? 2 : 1) * runs);
  const found = await runAll(plan, progress, await searchAll(plan, progress));
  const findings = equalTime ? await runTimed(plan, progress, found) : found;
  const { done, total, stopped } = progress;
  return { optimizers: findings, complete: !stopped, done, total };
}

/** Whether anything that is searched is there for an optimizer to set. */
function hasChoice(
  name: OptimizerName,
  { keys = searchKeys }: NonNullable<LaboratoryPlan["search"]>,
): boolean {
  return keys.some((key) => searchSpaces[name][key] !== undefined);
}

/** All trials of the search, of optimizers that have something to choose. */
async function searchAll(
  { optimizers, search, epochs }: LaboratoryPlan,
  progress: Progress,
): Promise<readonly TrialResult[][]> {
  const results = optimizers.map((): TrialResult[] => []);
  if (search === undefined) return results;
  const { seed } = search;
  const places = optimizers.map((name) => searchPoints(name, search));
  for (let index = 0; index < search.trials; index++) {
    for (const [i, optimizer] of optimizers.entries()) {
      if (!hasChoice(optimizer, search)) continue;
      const point = places[i][index];
      const outcome = await progress.outcomeOf({
        ...{ kind: "trial", optimizer, index, seed, point, epochs },
      });
      if (outcome !== undefined) results[i].push(progress.trial(point, outcome));
    }
  }
  return results;
}

/** The runs that count. */
async function runAll(
  { optimizers, seeds, epochs }: LaboratoryPlan,
  progress: Progress,
  trials: readonly TrialResult[][],
): Promise<Finding[]> {
  const findings = optimizers.map((name, i) => ({
    ...{ name, trials: trials[i], point: bestOf(trials[i]) },
    ...{ runs: [] as SeededRun[], failures: [] as string[] },
  }));
  // A search that is not finished has not decided anything.
  if (progress.stopped) return findings;
  for (const [index, seed] of seeds.entries()) {
    for (const { name: optimizer, point, runs, failures } of findings) {
      const outcome = await progress.outcomeOf({
        ...{ kind: "run", optimizer, index, seed, point, epochs },
      });
      if (outcome === undefined) continue;
      if ("failure" in outcome) failures.push(`seed ${seed}: ${outcome.failure}`);
      else runs.push({ ...outcome.record, seed });
    }
  }
  return findings;
}

/** The runs of equal time. */
async function runTimed(
  { seeds, epochs }: LaboratoryPlan,
  progress: Progress,
  findings: readonly Finding[],
): Promise<readonly Finding[]> {
  const timeOf = ({ runs }: Finding): number =>
    runs.reduce((sum, { seconds }) => sum + seconds, 0) / runs.length;
  const budget = Math.min(...findings.filter(({ runs }) => runs.length > 0).map(timeOf));
  if (progress.stopped) return findings;
  const timed = findings.map((finding) => ({
    finding,
    runs: [] as SeededRun[],
    epochs: finding.runs.length === 0 || epochs === 0
      ? epochs
      : Math.max(1, Math.floor(epochs * budget / timeOf(finding))),
  }));
  for (const part of timed) if (part.epochs === epochs) progress.total -= seeds.length;
  for (const [index, seed] of seeds.entries()) {
    for (const { finding: { name: optimizer, point }, runs, epochs: fitting } of timed) {
      if (fitting === epochs) continue;
      const outcome = await progress.outcomeOf({
        ...{ kind: "timed", optimizer, index, seed, point, epochs: fitting },
      });
      if (outcome !== undefined && "record" in outcome) runs.push({ ...outcome.record, seed });
    }
  }
  return timed.map(({ finding, runs, epochs: fitting }) => ({
    ...finding,
    timed: { epochs: fitting, runs: fitting === epochs ? finding.runs : runs },
  }));
}

/** Where the value ended lowest; the first place where nothing finished. */
function bestOf(trials: readonly TrialResult[]): SearchPoint {
  let best: Pick<TrialResult, "point" | "value"> = { point: {}, value: null };
  for (const trial of trials) {
    if (trial.value === null) continue;
    if (best.value === null || trial.value < best.value) best = trial;
  }
  return best.point;
}

/** Does one assignment after the other, until it may not go on. */
class Progress {
  total: number;
  done = 0;
  stopped = false;
  readonly #work: LaboratoryWork;

  constructor(work: LaboratoryWork, total: number) {
    this.#work = work;
    this.total = total;
  }

  /** A trial and what it was judged by. */
  trial(point: SearchPoint, outcome: RunOutcome): TrialResult {
    if ("failure" in outcome) return { point, value: null, seconds: 0 };
    const { record } = outcome;
    return { point, value: this.#work.judge(record), seconds: record.seconds };
  }

  /** What came of an assignment, now or earlier; `undefined` when it has to be left for another time. */
  async outcomeOf(assignment: Assignment): Promise<RunOutcome | undefined> {
    const { journal, onOutcome, mayGoOn } = this.#work;
    const known = journal?.find(assignment);
    if (known !== undefined) {
      this.done++;
      return known;
    }
    this.stopped ||= mayGoOn?.() === false;
    if (this.stopped) return undefined;
    const outcome = await this.#train(assignment);
    await journal?.add(assignment, outcome);
    this.done++;
    onOutcome?.(assignment, outcome, this.done, this.total);
    return outcome;
  }

  async #train(assignment: Assignment): Promise<RunOutcome> {
    try {
      return { record: await this.#work.perform(assignment) };
    } catch (error) {
      if (!(error instanceof NumericalError)) throw error;
      return { failure: error.message };
    }
  }
}
