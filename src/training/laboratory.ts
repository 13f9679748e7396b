/**
 * Several optimizers on equal terms: an equal number of trials to find settings on a seed held out, then
 * runs of the best settings with fresh seeds. Whatever has been done once is not done again.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import type { RunOutcome, SeededRun } from "./comparison.ts";
import type { OptimizerName } from "./recipes.ts";
import { type SearchKey, type SearchPoint, searchPoints } from "./search_space.ts";
import type { RunSummary } from "./trainer.ts";

/** What a laboratory is to find out. */
export interface LaboratoryPlan {
  /** The optimizers. */
  readonly optimizers: readonly OptimizerName[];
  /** Seeds of the runs that count. */
  readonly seeds: readonly number[];
  /** How settings are found; without it the recipes are run. */
  readonly search?: SearchPlan;
}

/** How settings are found. */
export interface SearchPlan {
  /** Trials of every optimizer, >= 1; the first one is the recipe. */
  readonly trials: number;
  /** Seed of every trial's weights and batches, and of the places tried. None of the runs' seeds. */
  readonly seed: number;
  /** What varies. @default {all that an optimizer has} */
  readonly keys?: readonly SearchKey[];
}

/** One training to be done. */
export interface Assignment {
  /** A trial of the search, or a run that counts. */
  readonly kind: "trial" | "run";
  /** What trains. */
  readonly optimizer: OptimizerName;
  /** Number of the trial, or of the seed's place among the seeds, from 0. */
  readonly index: number;
  /** Seed of initial weights and of the order of the examples. */
  readonly seed: number;
  /** Where in its search space. */
  readonly point: SearchPoint;
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
  /** Training loss at the end, or `null` where training diverged. */
  readonly trainLoss: number | null;
}

/** What was found out about one optimizer. */
export interface Finding {
  /** Name of the optimizer. */
  readonly name: OptimizerName;
  /** All trials, in order; empty without a search. */
  readonly trials: readonly TrialResult[];
  /** Where the runs were done: the trial with the lowest training loss, or the recipe. */
  readonly point: SearchPoint;
  /** Its finished runs. */
  readonly runs: readonly SeededRun[];
  /** What went wrong in each run that did not finish. */
  readonly failures: readonly string[];
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
   * Trains once. One that throws `NumericalError` counts as failed, and the others go on; any other
   * error ends the work.
   */
  perform(assignment: Assignment): Promise<RunSummary>;
  /** Remembers what has been done. @default {nothing} */
  readonly journal?: Journal;
  /** Asked before each training; when it says no, what has been found so far is returned. @default {yes} */
  mayGoOn?(): boolean;
  /** Is told what came of each training, with how many are done by then, of how many. */
  onOutcome?(assignment: Assignment, outcome: RunOutcome, done: number, total: number): void;
}

/**
 * Does what a plan asks for. Trials and runs take turns: trial by trial and then seed by seed, each with
 * every optimizer, so that a machine that slows down slows all of them.
 */
export async function runLaboratory(plan: LaboratoryPlan, work: LaboratoryWork): Promise<Findings> {
  const { optimizers, seeds, search } = plan;
  const progress = new Progress(work, optimizers.length * ((search?.trials ?? 0) + seeds.length));
  const trials = new Map(optimizers.map((name): [OptimizerName, TrialResult[]] => [name, []]));
  const places = new Map(
    optimizers.map((name) => [name, search === undefined ? [] : searchPoints(name, search)]),
  );
  for (let index = 0; index < (search?.trials ?? 0); index++) {
    for (const optimizer of optimizers) {
      const point = places.get(optimizer)![index];
      const assignment = { kind: "trial", optimizer, index, seed: search!.seed, point } as const;
      const outcome = await progress.outcomeOf(assignment);
      if (outcome === undefined) continue;
      trials.get(optimizer)!.push({ point, trainLoss: lossOf(outcome) });
    }
  }
  const searched = !progress.stopped;
  const findings = optimizers.map((name) => ({
    name,
    trials: trials.get(name)!,
    point: bestOf(trials.get(name)!),
    runs: [] as SeededRun[],
    failures: [] as string[],
  }));
  for (const [index, seed] of seeds.entries()) {
    if (!searched) break;
    for (const { name: optimizer, point, runs, failures } of findings) {
      const assignment = { kind: "run", optimizer, index, seed, point } as const;
      const outcome = await progress.outcomeOf(assignment);
      if (outcome === undefined) continue;
      if ("failure" in outcome) failures.push(`seed ${seed}: ${outcome.failure}`);
      else runs.push({ ...outcome.record, seed });
    }
  }
  const { done, total } = progress;
  return { optimizers: findings, complete: done === total, done, total };
}

/** Where the training loss ended lowest; the recipe where nothing finished. */
function bestOf(trials: readonly TrialResult[]): SearchPoint {
  let best: TrialResult = { point: {}, trainLoss: null };
  for (const trial of trials) {
    if (trial.trainLoss === null) continue;
    if (best.trainLoss === null || trial.trainLoss < best.trainLoss) best = trial;
  }
  return best.point;
}

function lossOf(outcome: RunOutcome): number | null {
  return "failure" in outcome ? null : outcome.record.trainLoss;
}

/** Does one assignment after the other, until it may not go on. */
class Progress {
  readonly total: number;
  done = 0;
  stopped = false;
  readonly #work: LaboratoryWork;

  constructor(work: LaboratoryWork, total: number) {
    this.#work = work;
    this.total = total;
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
