/**
 * What a comparison comes down to, as plain JSON: `compare.json`.
 *
 * @module
 */

import type { OptimizerName } from "@tekfac/tekfac/optim";
import { type SeededRun, type Spread, spreadOf } from "./comparison.ts";
import { endOf, heldOut, type HeldOutMetric, type Mark, markAt, valueAfter } from "./held_out.ts";
import type { Finding, Findings, TimedRuns, TrialResult } from "./laboratory.ts";
import {
  geometricMean,
  type Measured,
  pairedRatios,
  type RatioEstimate,
} from "./paired_statistics.ts";
import type { SearchKey, SearchPoint } from "./search_space.ts";

/** The best of them sets the target: what it ends with. */
const BASELINES: readonly OptimizerName[] = ["adam", "muon", "sgd"];

/** Under what circumstances a comparison was made. */
export interface ComparisonCircumstances {
  /** The command, without machine-dependent paths: `"deno task compare --model cnn --seeds 5"`. */
  readonly command: string;
  /** Name of the model. */
  readonly model: string;
  /** Name of the data. */
  readonly data: string;
  /** What runs and trials are judged by. */
  readonly metric: HeldOutMetric;
  /** Examples learned from. */
  readonly trainingExamples: number;
  /** Examples held back. */
  readonly testExamples: number;
  /** Passes over the examples to learn from. */
  readonly epochs: number;
  /** Examples per step, unless an optimizer's `batch` multiplies it. */
  readonly batch: number;
  /** Seeds of the runs. */
  readonly seeds: readonly number[];
  /** How settings were found; `null` where those that optimizers begin from were run. */
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
  /**
   * Runs that ended no better than the same answer to every example. One such run, and nothing is concluded from the
   * optimizer: its settings are not those of this task.
   */
  readonly notLearned: number;
  /** What it is judged by, at the end of all epochs. */
  readonly value: Spread | null;
  /** Test loss at the end of all epochs. */
  readonly testLoss: Spread | null;
  /** Training loss at the end of all epochs. */
  readonly trainLoss: Spread | null;
  /** Training time of all epochs in seconds. */
  readonly seconds: Spread | null;
  /** Runs of equal time, where they were asked for. */
  readonly timed?: TimedRuns;
  /**
   * The same after {@linkcode ComparisonSummary.equalSeconds}: at the end of the runs of equal time or, where
   * there are none, interpolated in the others.
   */
  readonly valueAtEqualTime: Spread | null;
  /** The way to the target; `null` where there is no target. */
  readonly toTarget: WayToTarget | null;
}

/** How long it takes to what the best baseline has in the end. */
export interface WayToTarget {
  /** Seeds with which the target was reached. */
  readonly reached: number;
  /** Seeds that were compared. */
  readonly of: number;
  /** Epochs where it was reached. */
  readonly epochs: Spread | null;
  /** Time in seconds where it was reached. */
  readonly seconds: Spread | null;
  /** Epochs over those of the baseline with the same seed; `null` unless it was reached with every seed. */
  readonly epochRatio: RatioEstimate | null;
  /** Time over that of the baseline, likewise. */
  readonly timeRatio: RatioEstimate | null;
}

/** What one optimizer ends with over what another does. */
export interface PairSummary extends RatioEstimate {
  /** The numerator. */
  readonly optimizer: OptimizerName;
  /** The denominator. */
  readonly against: OptimizerName;
}

/** Everything that is in `compare.json`. */
export interface ComparisonSummary extends ComparisonCircumstances {
  /** Version of this layout. */
  readonly format: 2;
  /** Whether all of the plan is done. */
  readonly complete: boolean;
  /** One per optimizer. */
  readonly optimizers: readonly OptimizerSummary[];
  /** Mean training time of the quickest optimizer's runs; `null` without runs. */
  readonly equalSeconds: number | null;
  /** Which of Adam, Muon and SGD ended lowest, and the mean of its values; `null` where none ran. */
  readonly target: { readonly optimizer: OptimizerName; readonly value: number } | null;
  /** Every pair of optimizers, final values with equal seeds. */
  readonly pairs: readonly PairSummary[];
  /** Every pair of optimizers, final values of runs of equal time; empty without such runs. */
  readonly pairsAtEqualTime: readonly PairSummary[];
}

/**
 * Draws the conclusions from what was found.
 *
 * @example TEKFAC needs half of Adam's epochs, which are of equal length
 * ```ts
 * import assert from "node:assert/strict";
 * import type { SeededRun } from "./comparison.ts";
 * import { summarizeComparison } from "./comparison_summary.ts";
 * import type { Finding } from "./laboratory.ts";
 *
 * // Four epochs of a second each, in which the test loss falls by a factor.
 * const run = (factor: number): SeededRun => ({
 *   seed: 1,
 *   epochs: [1, 2, 3, 4].map((epoch) => ({
 *     ...{ epoch, runningLoss: 1, testLoss: factor ** epoch, testAccuracy: null, seconds: epoch },
 *   })),
 *   ...{ trainLoss: 1, testLoss: factor ** 4, testAccuracy: null, seconds: 4, stepMs: 1 },
 * });
 * const finding = (name: Finding["name"], factor: number): Finding => ({
 *   ...{ name, trials: [], point: {}, runs: [run(factor)], failures: [] },
 * });
 * const { target, optimizers: [tekfac], pairs } = summarizeComparison({
 *   ...{ command: "deno task compare", model: "mlp", data: "glyphs", metric: "loss" },
 *   ...{ trainingExamples: 512, testExamples: 128, epochs: 4, batch: 128, seeds: [1], search: null },
 *   ...{ backend: "wasm", machine: "a laptop, 8 cores", runtime: "Deno 2" },
 *   ...{ from: "2026-01-01", to: "2026-01-01", contended: null },
 * }, {
 *   optimizers: [finding("tekfac", 1 / 4), finding("adam", 1 / 2)],
 *   ...{ complete: true, done: 2, total: 2 },
 * });
 * assert.deepEqual(target, { optimizer: "adam", value: 1 / 16 });
 * assert.equal(tekfac.toTarget!.epochRatio!.ratio.toFixed(6), "0.500000");
 * assert.equal(pairs[0].ratio.toFixed(6), (1 / 16).toFixed(6)); // (1/4)^4 over (1/2)^4
 * ```
 */
export function summarizeComparison(
  circumstances: ComparisonCircumstances,
  { optimizers, complete }: Findings,
): ComparisonSummary {
  const { metric } = circumstances;
  const value = (run: SeededRun): number => heldOut(metric, run);
  const judged = optimizers.filter((finding) => notLearned(finding) === 0);
  const equalSeconds = equalSecondsOf(judged);
  const baseline = baselineOf(judged, value);
  return {
    format: 2,
    complete,
    ...circumstances,
    equalSeconds: equalSeconds ?? null,
    target: baseline === undefined
      ? null
      : { optimizer: baseline.name, value: meanOf(baseline.runs, value)! },
    optimizers: optimizers.map((finding) => ({
      ...finding,
      notLearned: notLearned(finding),
      value: spread(finding.runs, value),
      testLoss: spread(finding.runs, (run) => run.testLoss),
      trainLoss: spread(finding.runs, (run) => run.trainLoss),
      seconds: spread(finding.runs, (run) => run.seconds),
      valueAtEqualTime: equalSeconds === undefined
        ? null
        : finding.timed === undefined
        ? spread(finding.runs, (run) => valueAfter(run, metric, equalSeconds))
        : spread(finding.timed.runs, value),
      toTarget: baseline === undefined || !judged.includes(finding)
        ? null
        : wayTo(metric, finding, baseline),
    })),
    pairs: pairsOf(judged, ({ runs }) => runs, value),
    pairsAtEqualTime: pairsOf(judged, ({ timed }) => timed?.runs ?? [], value),
  };
}

/** Runs at equal epochs that have not learned. */
function notLearned({ runs }: Finding): number {
  return runs.filter(({ didNotLearn }) => didNotLearn === true).length;
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

/** The baseline with the lowest mean of final values. */
function baselineOf(
  optimizers: readonly Finding[],
  value: (run: SeededRun) => number,
): Finding | undefined {
  const mean = ({ runs }: Finding): number => meanOf(runs, value)!;
  return optimizers
    .filter(({ name, runs }) => BASELINES.includes(name) && runs.length > 0)
    .toSorted((a, b) => mean(a) - mean(b))[0];
}

/**
 * With each seed, the way to what the baseline ends with on that seed, beside the baseline's own: seeds may be splits
 * of unequal difficulty.
 */
function wayTo(metric: HeldOutMetric, { runs }: Finding, baseline: Finding): WayToTarget {
  const marks: { readonly seed: number; readonly own: Mark; readonly rival: Mark }[] = [];
  let of = 0;
  for (const rival of baseline.runs) {
    const run = runs.find(({ seed }) => seed === rival.seed);
    if (run === undefined) continue;
    of++;
    const target = heldOut(metric, rival);
    const own = markAt(run, metric, target);
    if (own === undefined) continue;
    marks.push({ seed: run.seed, own, rival: markAt(rival, metric, target) ?? endOf(rival) });
  }
  const measured = (pick: "own" | "rival", key: keyof Mark): Measured[] =>
    marks.map((mark) => ({ seed: mark.seed, value: mark[pick][key] }));
  const ratio = (key: keyof Mark): RatioEstimate | null =>
    marks.length < of
      ? null
      : geometricMean(pairedRatios(measured("own", key), measured("rival", key))) ?? null;
  return {
    ...{ reached: marks.length, of },
    epochs: spreadOf(marks.map(({ own }) => own.epochs)) ?? null,
    seconds: spreadOf(marks.map(({ own }) => own.seconds)) ?? null,
    epochRatio: ratio("epochs"),
    timeRatio: ratio("seconds"),
  };
}

/** Each optimizer against each later one. */
function pairsOf(
  optimizers: readonly Finding[],
  runsOf: (finding: Finding) => readonly SeededRun[],
  value: (run: SeededRun) => number,
): PairSummary[] {
  const values = (finding: Finding): Measured[] =>
    runsOf(finding).map((run) => ({ seed: run.seed, value: value(run) }));
  return optimizers.flatMap((first, i) =>
    optimizers.slice(i + 1).flatMap((second) => {
      const estimate = geometricMean(pairedRatios(values(first), values(second)));
      if (estimate === undefined) return [];
      return [{ optimizer: first.name, against: second.name, ...estimate }];
    })
  );
}
