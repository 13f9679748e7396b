/**
 * The tables of a comparison, as text: the page and docs/EVIDENCE.md show the same.
 *
 * @module
 */

import { formatNumber, type Table } from "@tekfac/tekfac/pages";
import { type Spread, spreadOf } from "./comparison.ts";
import type { ComparisonSummary, PairSummary, TimeToTarget } from "./comparison_summary.ts";
import type { RatioEstimate } from "./paired_statistics.ts";
import { describePoint } from "./search_space.ts";

/**
 * Mean and half the range, `"0.0123 ± 0.002"`; `"-"` where there is nothing.
 *
 * @example Three runs
 * ```ts
 * import assert from "node:assert/strict";
 * import { spreadOf } from "./comparison.ts";
 * import { formatSpread } from "./comparison_tables.ts";
 *
 * assert.equal(formatSpread(spreadOf([1.2, 1.3, 1.4])!, " s"), "1.3 ± 0.1 s");
 * assert.equal(formatSpread(null), "-");
 * ```
 */
export function formatSpread(spread: Spread | null, unit = ""): string {
  if (spread === null) return "-";
  const half = (spread.high - spread.low) / 2;
  const range = half === 0 ? "" : ` ± ${formatNumber(half, 2)}`;
  return `${formatNumber(spread.mean, 4)}${range}${unit}`;
}

/**
 * A ratio with its interval, `"0.83 (0.79 to 0.88)"`; `"-"` where there is none.
 *
 * @example With its interval, where there is one
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatRatio } from "./comparison_tables.ts";
 *
 * assert.equal(formatRatio({ ratio: 0.8312, low: 0.79, high: 0.88, pairs: 5 }), "0.831 (0.79 to 0.88)");
 * assert.equal(formatRatio({ ratio: 0.8312, low: null, high: null, pairs: 1 }), "0.831");
 * ```
 */
export function formatRatio(estimate: RatioEstimate | null): string {
  if (estimate === null) return "-";
  const { ratio, low, high } = estimate;
  const interval = low === null || high === null
    ? ""
    : ` (${formatNumber(low, 3)} to ${formatNumber(high, 3)})`;
  return `${formatNumber(ratio, 3)}${interval}`;
}

/** Losses after equal epochs: every optimizer's own time. */
export function equalEpochsTable({ optimizers, epochs }: ComparisonSummary): Table {
  return {
    title: `After ${epochs} epochs`,
    note: "At the end of training; mean over seeds and half the range. Losses are over the whole " +
      "training and test set; time is that of steps, without evaluations.",
    head: ["Optimizer", "Training loss", "Test loss", "Time", "Runs"],
    rows: optimizers.map(({ name, trainLoss, testLoss, seconds, runs, failures }) => [
      name,
      formatSpread(trainLoss),
      formatSpread(testLoss),
      formatSpread(seconds, " s"),
      failures.length === 0 ? `${runs.length}` : `${runs.length}, ${failures.length} diverged`,
    ]),
  };
}

/** Losses after equal time. */
export function equalTimeTable({ optimizers, equalSeconds }: ComparisonSummary): Table {
  const title = `After ${formatNumber(equalSeconds, 3)} s of training`;
  if (optimizers.every(({ timed }) => timed === undefined)) {
    return {
      title,
      note: "The time that the quickest optimizer takes for all epochs; losses of the others are " +
        "interpolated between ends of epochs. The slower ones are not annealed yet by then, which is " +
        "to their disadvantage.",
      head: ["Optimizer", "Training loss"],
      rows: optimizers.map(({ name, lossAtEqualTime }) => [name, formatSpread(lossAtEqualTime)]),
    };
  }
  return {
    title,
    note:
      "The time that the quickest optimizer takes for all epochs. The others were run anew for as " +
      "many whole epochs as fit into it, at least one, and annealed over those; they may be a little " +
      "over it, as first steps take longer.",
    head: ["Optimizer", "Epochs", "Training loss", "Time"],
    rows: optimizers.map(({ name, lossAtEqualTime, timed }) => [
      name,
      `${timed?.epochs ?? "-"}`,
      formatSpread(lossAtEqualTime),
      formatSpread(spreadOf((timed?.runs ?? []).map(({ seconds }) => seconds)) ?? null, " s"),
    ]),
  };
}

/** Time to what the better of SGD and Adam reaches; `undefined` where neither ran. */
export function targetTable({ optimizers, target, epochs }: ComparisonSummary): Table | undefined {
  if (target === null) return undefined;
  const reachedBy = ({ reached, of }: TimeToTarget): string => `${reached} of ${of}`;
  return {
    title: `Time to the training loss of ${target.optimizer} after ${epochs} epochs`,
    note: "With each seed, the time until the training loss is as low as that with which " +
      `${target.optimizer} ends with the same seed (${
        formatNumber(target.loss)
      } on average), over the ` +
      `time of ${target.optimizer}'s whole run: geometric mean and 95 % bootstrap interval, where it ` +
      "was reached with every seed.",
    head: ["Optimizer", "Reached", "Time", "Ratio"],
    rows: optimizers.map(({ name, toTarget }) => [
      name,
      toTarget === null ? "-" : reachedBy(toTarget),
      formatSpread(toTarget?.seconds ?? null, " s"),
      formatRatio(toTarget?.ratio ?? null),
    ]),
  };
}

/** Ratios of final training losses, every optimizer against every later one. */
export function pairsTable({ pairs, pairsAtEqualTime }: ComparisonSummary): Table {
  const ratio = ({ optimizer, against }: PairSummary): string =>
    formatRatio(
      pairsAtEqualTime.find((pair) => pair.optimizer === optimizer && pair.against === against) ??
        null,
    );
  const timed = pairsAtEqualTime.length > 0;
  return {
    title: "Ratios of training losses",
    note:
      "Loss of the first over that of the second with the same seed, below 1 where the first is " +
      "better: geometric mean and 95 % bootstrap interval (expanded percentile; with five pairs it " +
      "covers about 92 %).",
    head: ["Pair", "After equal epochs", ...(timed ? ["After equal time"] : []), "Pairs"],
    rows: pairs.map((pair) => [
      `${pair.optimizer} / ${pair.against}`,
      formatRatio(pair),
      ...(timed ? [ratio(pair)] : []),
      `${pair.pairs}`,
    ]),
  };
}

/** What the search chose; `undefined` where there was none. */
export function searchTable({ optimizers, search }: ComparisonSummary): Table | undefined {
  if (search === null) return undefined;
  const losses = (trials: ComparisonSummary["optimizers"][number]["trials"]): number[] =>
    trials.flatMap(({ trainLoss }) => trainLoss ?? []);
  const format = (value: number | null | undefined): string => formatNumber(value ?? null, 4);
  return {
    title: "Search",
    note:
      `${search.trials} trials of every optimizer with seed ${search.seed}, which is none of the ` +
      "runs': the lowest training loss decides. The recipe is the first trial.",
    head: ["Optimizer", "Chosen", "Its trial", "The recipe's", "Diverged"],
    rows: optimizers.map(({ name, point, trials }) => [
      name,
      describePoint(point),
      format(losses(trials).length === 0 ? null : Math.min(...losses(trials))),
      format(trials[0]?.trainLoss),
      `${trials.filter(({ trainLoss }) => trainLoss === null).length}`,
    ]),
  };
}

/**
 * All tables besides the results.
 *
 * @example A comparison of two optimizers with one seed, in words and numbers
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ComparisonSummary } from "./comparison_summary.ts";
 * import {
 *   comparisonTables,
 *   equalEpochsTable,
 *   equalTimeTable,
 *   pairsTable,
 *   searchTable,
 *   targetTable,
 * } from "./comparison_tables.ts";
 *
 * const exactly = (value: number) => ({ mean: value, low: value, high: value });
 * const optimizer = (name: "tekfac" | "adam", loss: number, seconds: number) => ({
 *   ...{ name, point: {}, trials: [], runs: [], failures: [] },
 *   ...{ trainLoss: exactly(loss), testLoss: exactly(2 * loss), seconds: exactly(8) },
 *   lossAtEqualTime: exactly(loss),
 *   toTarget: {
 *     ...{ reached: 1, of: 1, seconds: exactly(seconds) },
 *     ratio: { ratio: seconds / 8, low: null, high: null, pairs: 1 },
 *   },
 * });
 * const pair = { ratio: 0.25, low: null, high: null, pairs: 1 };
 * const summary: ComparisonSummary = {
 *   format: 1,
 *   ...{ complete: true, command: "deno task compare", model: "mlp", data: "glyphs" },
 *   ...{ trainingImages: 512, testImages: 128, epochs: 4, batch: 128, seeds: [1], search: null },
 *   ...{ backend: "wasm", machine: "a laptop, 8 cores", runtime: "Deno 2" },
 *   ...{ from: "2026-01-01", to: "2026-01-01", contended: null, equalSeconds: 8 },
 *   optimizers: [optimizer("tekfac", 0.01, 4), optimizer("adam", 0.04, 8)],
 *   target: { optimizer: "adam", loss: 0.04 },
 *   pairs: [{ optimizer: "tekfac", against: "adam", ...pair }],
 *   pairsAtEqualTime: [],
 * };
 * assert.deepEqual(equalEpochsTable(summary).rows[0], ["tekfac", "0.01", "0.02", "8 s", "0"]);
 * assert.deepEqual(targetTable(summary)!.rows[0], ["tekfac", "1 of 1", "4 s", "0.5"]);
 * assert.deepEqual(pairsTable(summary).rows, [["tekfac / adam", "0.25", "1"]]);
 * assert.equal(searchTable(summary), undefined); // the recipes were run
 * assert.deepEqual(comparisonTables(summary), [
 *   equalTimeTable(summary),
 *   targetTable(summary),
 *   pairsTable(summary),
 * ]);
 * ```
 */
export function comparisonTables(summary: ComparisonSummary): Table[] {
  return [
    equalTimeTable(summary),
    targetTable(summary),
    pairsTable(summary),
    searchTable(summary),
  ].flatMap((table) => table === undefined || table.rows.length === 0 ? [] : [table]);
}
