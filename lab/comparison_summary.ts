/**
 * What a comparison comes down to, as plain JSON: `compare.json`.
 *
 * @module
 */

import type { OptimizerName } from "@tekfac/tekfac/optim";
import { type SeededRun, type Spread, spreadOf } from "./comparison.ts";
import { lossAfter, secondsTo } from "./course.ts";
import type { Finding, Findings, TimedRuns, TrialResult } from "./laboratory.ts";
import {
  geometricMean,
  type Measured,
  pairedRatios,
  type RatioEstimate,
} from "./paired_statistics.ts";
import type { SearchKey, SearchPoint } from "./search_space.ts";

/** Whose best final loss is the target that others are timed against. */
const BASELINES: readonly OptimizerName[] = ["sgd", "adam"];

/** Under what circumstances a comparison was made. */
export interface ComparisonCircumstances {
  /** The command, without machine-dependent paths: `"deno task compare --model cnn --seeds 5"`. */
  readonly command: string;
  /** Name of the model. */
  readonly model: string;
  /** Name of the data. */
  readonly data: string;
  /** Images learned from. */
  readonly trainingImages: number;
  /** Images held back. */
  readonly testImages: number;
  /** Passes over the training images. */
  readonly epochs: number;
  /** Images per step, unless an optimizer's `batch` multiplies it. */
  readonly batch: number;
  /** Seeds of the runs. */
  readonly seeds: readonly number[];
  /** How settings were found; `null` where the recipes were run. */
  readonly search: SearchSummary | null;
  /** What computed. */
  readonly backend: string;
  /** The processor and its cores. */
  readonly machine: string;
  /** The runtime and its version. */
  readonly runtime: string;
  /** Day of the first training, `"2026-11-26"`. */
  readonly from: string;
  /** Day of the last training. */
  readonly to: string;
  /** What speaks against the times, or `null` when nothing does. */
  readonly contended: string | null;
}

/** How settings were found. */
export interface SearchSummary {
  /** Trials of each optimizer. */
  readonly trials: number;
  /** Seed of all trials. */
  readonly seed: number;
  /** What varied; `null` for all there is. */
  readonly keys: readonly SearchKey[] | null;
}

/** One optimizer. */
export interface OptimizerSummary {
  /** Its name. */
  readonly name: OptimizerName;
  /** Where in its search space the runs were done. */
  readonly point: SearchPoint;
  /** All trials. */
  readonly trials: readonly TrialResult[];
  /** All runs that finished. */
  readonly runs: readonly SeededRun[];
  /** What went wrong in those that did not. */
  readonly failures: readonly string[];
  /** Training loss at the end of all epochs. */
  readonly trainLoss: Spread | null;
  /** Test loss at the end of all epochs. */
  readonly testLoss: Spread | null;
  /** Training time of all epochs in seconds. */
  readonly seconds: Spread | null;
  /** Runs of equal time, where they were asked for. */
  readonly timed?: TimedRuns;
  /**
   * Training loss after {@linkcode ComparisonSummary.equalSeconds}: at the end of the runs of equal time
   * or, where there are none, interpolated in the others.
   */
  readonly lossAtEqualTime: Spread | null;
  /** Time to the target; `null` where there is no target. */
  readonly toTarget: TimeToTarget | null;
}

/** How long it takes to what a baseline reaches in the end. */
export interface TimeToTarget {
  /** Seeds with which the baseline's loss was reached. */
  readonly reached: number;
  /** Seeds that were compared. */
  readonly of: number;
  /** Time in seconds where it was reached. */
  readonly seconds: Spread | null;
  /** Time over that of the baseline's whole run; `null` unless it was reached with every seed. */
  readonly ratio: RatioEstimate | null;
}

/** Training loss of one optimizer over that of another. */
export interface PairSummary extends RatioEstimate {
  /** The numerator. */
  readonly optimizer: OptimizerName;
  /** The denominator. */
  readonly against: OptimizerName;
}

/** Everything that is in `compare.json`. */
export interface ComparisonSummary extends ComparisonCircumstances {
  /** Version of this layout. */
  readonly format: 1;
  /** Whether all of the plan is done. */
  readonly complete: boolean;
  /** One per optimizer. */
  readonly optimizers: readonly OptimizerSummary[];
  /** Mean training time of the quickest optimizer's runs; `null` without runs. */
  readonly equalSeconds: number | null;
  /** Which of SGD and Adam ended lower, and its loss; `null` where neither ran. */
  readonly target: { readonly optimizer: OptimizerName; readonly loss: number } | null;
  /** Every pair of optimizers, final training losses with equal seeds. */
  readonly pairs: readonly PairSummary[];
  /** Every pair of optimizers, final training losses of runs of equal time; empty without such runs. */
  readonly pairsAtEqualTime: readonly PairSummary[];
}

/**
 * Draws the conclusions from what was found.
 *
 * @example TEKFAC needs half of Adam's epochs of equal length
 * ```ts
 * import assert from "node:assert/strict";
 * import type { SeededRun } from "./comparison.ts";
 * import { summarizeComparison } from "./comparison_summary.ts";
 * import type { Finding } from "./laboratory.ts";
 *
 * // Four epochs of a second each, in which the training loss falls by a factor.
 * const run = (factor: number): SeededRun => ({
 *   seed: 1,
 *   epochs: [1, 2, 3, 4].map((epoch) => ({
 *     epoch,
 *     runningLoss: factor ** (epoch - 1),
 *     trainLoss: factor ** epoch,
 *     testLoss: 1,
 *     testAccuracy: null,
 *     seconds: epoch,
 *   })),
 *   initialLoss: 1,
 *   trainLoss: factor ** 4,
 *   testLoss: 1,
 *   testAccuracy: null,
 *   seconds: 4,
 *   stepMs: 1,
 * });
 * const finding = (name: Finding["name"], factor: number): Finding => ({
 *   ...{ name, trials: [], point: {}, runs: [run(factor)], failures: [] },
 * });
 * const { target, optimizers: [tekfac], pairs } = summarizeComparison({
 *   ...{ command: "deno task compare", model: "mlp", data: "glyphs" },
 *   ...{ trainingImages: 512, testImages: 128, epochs: 4, batch: 128, seeds: [1], search: null },
 *   ...{ backend: "wasm", machine: "a laptop, 8 cores", runtime: "Deno 2" },
 *   ...{ from: "2026-01-01", to: "2026-01-01", contended: null },
 * }, {
 *   optimizers: [finding("tekfac", 1 / 4), finding("adam", 1 / 2)],
 *   ...{ complete: true, done: 2, total: 2 },
 * });
 * assert.deepEqual(target, { optimizer: "adam", loss: 1 / 16 });
 * assert.equal(tekfac.toTarget!.ratio!.ratio.toFixed(6), "0.500000");
 * assert.equal(pairs[0].ratio.toFixed(6), (1 / 16).toFixed(6)); // (1/4)^4 over (1/2)^4
 * ```
 */
export function summarizeComparison(
  circumstances: ComparisonCircumstances,
  { optimizers, complete }: Findings,
): ComparisonSummary {
  const equalSeconds = equalSecondsOf(optimizers);
  const baseline = baselineOf(optimizers);
  return {
    format: 1,
    complete,
    ...circumstances,
    equalSeconds: equalSeconds ?? null,
    target: baseline === undefined
      ? null
      : { optimizer: baseline.name, loss: meanOf(baseline.runs, (run) => run.trainLoss)! },
    optimizers: optimizers.map((finding) => ({
      ...finding,
      trainLoss: spread(finding.runs, (run) => run.trainLoss),
      testLoss: spread(finding.runs, (run) => run.testLoss),
      seconds: spread(finding.runs, (run) => run.seconds),
      lossAtEqualTime: equalSeconds === undefined
        ? null
        : finding.timed === undefined
        ? spread(finding.runs, (run) => lossAfter(run, equalSeconds))
        : spread(finding.timed.runs, (run) => run.trainLoss),
      toTarget: baseline === undefined ? null : timeToTarget(finding, baseline),
    })),
    pairs: pairsOf(optimizers, ({ runs }) => runs),
    pairsAtEqualTime: pairsOf(optimizers, ({ timed }) => timed?.runs ?? []),
  };
}

/** Mean and range, or `null` where a run lacks the quantity. */
function spread(
  runs: readonly SeededRun[],
  pick: (run: SeededRun) => number | undefined,
): Spread | null {
  const values = runs.flatMap((run) => pick(run) ?? []);
  return values.length < runs.length ? null : spreadOf(values) ?? null;
}

function meanOf(runs: readonly SeededRun[], pick: (run: SeededRun) => number): number | undefined {
  return spreadOf(runs.map(pick))?.mean;
}

/** The training time that all optimizers have had: that of the quickest. */
function equalSecondsOf(optimizers: readonly Finding[]): number | undefined {
  const means = optimizers.flatMap(({ runs }) => meanOf(runs, (run) => run.seconds) ?? []);
  return means.length === 0 ? undefined : Math.min(...means);
}

/** The baseline with the lower mean of final training losses. */
function baselineOf(optimizers: readonly Finding[]): Finding | undefined {
  const loss = ({ runs }: Finding): number => meanOf(runs, (run) => run.trainLoss)!;
  return optimizers
    .filter(({ name, runs }) => BASELINES.includes(name) && runs.length > 0)
    .toSorted((a, b) => loss(a) - loss(b))[0];
}

/** With each seed, the time to the loss with which the baseline's run of that seed ended. */
function timeToTarget({ runs }: Finding, baseline: Finding): TimeToTarget {
  const times: Measured[] = [];
  const whole: Measured[] = [];
  for (const goal of baseline.runs) {
    const run = runs.find(({ seed }) => seed === goal.seed);
    if (run === undefined) continue;
    whole.push({ seed: goal.seed, value: goal.seconds });
    const value = secondsTo(run, goal.trainLoss);
    if (value !== undefined) times.push({ seed: goal.seed, value });
  }
  const all = times.length > 0 && times.length === baseline.runs.length;
  return {
    reached: times.length,
    of: baseline.runs.length,
    seconds: spreadOf(times.map(({ value }) => value)) ?? null,
    ratio: all ? geometricMean(pairedRatios(times, whole)) ?? null : null,
  };
}

/** Each optimizer against each later one. */
function pairsOf(
  optimizers: readonly Finding[],
  runsOf: (finding: Finding) => readonly SeededRun[],
): PairSummary[] {
  const losses = (finding: Finding): Measured[] =>
    runsOf(finding).map(({ seed, trainLoss }) => ({ seed, value: trainLoss }));
  return optimizers.flatMap((first, i) =>
    optimizers.slice(i + 1).flatMap((second) => {
      const estimate = geometricMean(pairedRatios(losses(first), losses(second)));
      if (estimate === undefined) return [];
      return [{ optimizer: first.name, against: second.name, ...estimate }];
    })
  );
}
