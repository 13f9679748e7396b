/**
 * The tables of a comparison, as text: the page and docs/EVIDENCE.md show the same.
 *
 * @module
 */

import { formatNumber, type Table } from "@tekfac/tekfac/pages";
import { type Spread, spreadOf } from "./comparison.ts";
import type { ComparisonSummary, PairSummary, WayToTarget } from "./comparison_summary.ts";
import { metricNames } from "./held_out.ts";
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

/** How many runs there are, and what is wrong with some: `"3, 1 did not learn"`. */
export function runsText(
  runs: readonly { readonly didNotLearn?: true }[],
  failures: readonly string[],
): string {
  const idle = runs.filter(({ didNotLearn }) => didNotLearn === true).length;
  return [
    `${runs.length}`,
    ...(idle === 0 ? [] : [`${idle} did not learn`]),
    ...(failures.length === 0 ? [] : [`${failures.length} diverged`]),
  ].join(", ");
}

/** Values after equal epochs: every optimizer's own time. */
export function equalEpochsTable({ optimizers, epochs, metric }: ComparisonSummary): Table {
  const other = metric === "loss" ? [] : ["Test loss"];
  return {
    title: `After ${epochs} epochs`,
    note: "At the end of training; mean over seeds and half the range. Losses are over the whole " +
      "training and test set; time is that of steps, without evaluations.",
    head: ["Optimizer", titled(metric), ...other, "Training loss", "Time", "Runs"],
    rows: optimizers.map(({ name, value, trainLoss, testLoss, seconds, runs, failures }) => [
      name,
      formatSpread(value),
      ...(metric === "loss" ? [] : [formatSpread(testLoss)]),
      formatSpread(trainLoss),
      formatSpread(seconds, " s"),
      runsText(runs, failures),
    ]),
  };
}

/** Values after equal time. */
export function equalTimeTable({ optimizers, equalSeconds, metric }: ComparisonSummary): Table {
  const title = `After ${formatNumber(equalSeconds, 3)} s of training`;
  if (optimizers.every(({ timed }) => timed === undefined)) {
    return {
      title,
      note: "The time that the quickest optimizer takes for all epochs; values of the others are " +
        "interpolated between ends of epochs. The slower ones are not annealed yet by then, which is " +
        "to their disadvantage.",
      head: ["Optimizer", titled(metric)],
      rows: optimizers.map(({ name, valueAtEqualTime }) => [name, formatSpread(valueAtEqualTime)]),
    };
  }
  return {
    title,
    note:
      "The time that the quickest optimizer takes for all epochs. The others were run anew for as " +
      "many whole epochs as fit into it, at least one, and annealed over those; they may be a little " +
      "over it, as first steps take longer.",
    head: ["Optimizer", "Epochs", titled(metric), "Time"],
    rows: optimizers.map(({ name, valueAtEqualTime, timed }) => [
      name,
      `${timed?.epochs ?? "-"}`,
      formatSpread(valueAtEqualTime),
      formatSpread(spreadOf((timed?.runs ?? []).map(({ seconds }) => seconds)) ?? null, " s"),
    ]),
  };
}

/** The way to what the best of Adam, Muon and SGD ends with; `undefined` where none of them ran. */
export function targetTable(
  { optimizers, target, epochs, metric }: ComparisonSummary,
): Table | undefined {
  if (target === null) return undefined;
  const reachedBy = ({ reached, of }: WayToTarget): string => `${reached} of ${of}`;
  return {
    title: `To the ${metricNames[metric]} of ${target.optimizer} after ${epochs} epochs`,
    note:
      `With each seed, the epochs and the time until the ${metricNames[metric]} is at most what ` +
      `${target.optimizer} ends with on that seed (${
        formatNumber(target.value)
      } on average), over ` +
      `those of ${target.optimizer}: geometric mean and 95 % bootstrap interval, where it was reached ` +
      "with every seed. Epochs do not depend on the machine; the first one counts in full.",
    head: ["Optimizer", "Reached", "Epochs", "Ratio of epochs", "Time", "Ratio of times"],
    rows: optimizers.map(({ name, toTarget }) => [
      name,
      toTarget === null ? "-" : reachedBy(toTarget),
      formatSpread(toTarget?.epochs ?? null),
      formatRatio(toTarget?.epochRatio ?? null),
      formatSpread(toTarget?.seconds ?? null, " s"),
      formatRatio(toTarget?.timeRatio ?? null),
    ]),
  };
}

/** Ratios of final values, every optimizer against every later one. */
export function pairsTable({ pairs, pairsAtEqualTime, metric }: ComparisonSummary): Table {
  const ratio = ({ optimizer, against }: PairSummary): string =>
    formatRatio(
      pairsAtEqualTime.find((pair) => pair.optimizer === optimizer && pair.against === against) ??
        null,
    );
  const timed = pairsAtEqualTime.length > 0;
  return {
    title: `Ratios of ${metricNames[metric]}`,
    note:
      "That of the first over that of the second with the same seed, below 1 where the first is " +
      "better: geometric mean and 95 % bootstrap interval (expanded percentile; with five pairs it " +
      "covers about 92 %). Optimizers with a run that did not learn, which is as good as the same answer to " +
      "every example, are in no pair: other settings would be needed to judge them.",
    head: ["Pair", "After equal epochs", ...(timed ? ["After equal time"] : []), "Pairs"],
    rows: pairs.map((pair) => [
      `${pair.optimizer} / ${pair.against}`,
      formatRatio(pair),
      ...(timed ? [ratio(pair)] : []),
      `${pair.pairs}`,
    ]),
  };
}

/** What the search chose, and what it cost; `undefined` where there was none. */
export function searchTable({ optimizers, search, metric }: ComparisonSummary): Table | undefined {
  if (search === null) return undefined;
  const values = (trials: ComparisonSummary["optimizers"][number]["trials"]): number[] =>
    trials.flatMap(({ value }) => value ?? []);
  const format = (value: number | null | undefined): string => formatNumber(value ?? null, 4);
  return {
    title: "Search",
    note:
      `${search.trials} trials of every optimizer with seed ${search.seed}, which is none of the ` +
      `runs': the lowest ${
        metricNames[metric]
      } on a part of the examples to learn from decides, which ` +
      "trials do not learn from. What an optimizer begins from is the first trial. Time is that of all " +
      "trials.",
    head: ["Optimizer", "Chosen", "Its trial", "The first", "Diverged", "Time"],
    rows: optimizers.map(({ name, point, trials }) => [
      name,
      describePoint(point),
      format(values(trials).length === 0 ? null : Math.min(...values(trials))),
      format(trials[0]?.value),
      `${trials.filter(({ value }) => value === null).length}`,
      `${formatNumber(trials.reduce((sum, { seconds }) => sum + seconds, 0), 3)} s`,
    ]),
  };
}

/** The name of a quantity at the head of a column. */
function titled(metric: ComparisonSummary["metric"]): string {
  const name = metricNames[metric];
  return `${name[0].toUpperCase()}${name.slice(1)}`;
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
 *   runsText,
 *   searchTable,
 *   targetTable,
 * } from "./comparison_tables.ts";
 *
 * const exactly = (value: number) => ({ mean: value, low: value, high: value });
 * const single = (ratio: number) => ({ ratio, low: null, high: null, pairs: 1 });
 * const optimizer = (name: "tekfac" | "adam", loss: number, epochs: number) => ({
 *   ...{ name, point: {}, trials: [], runs: [], failures: [], notLearned: 0, value: exactly(loss) },
 *   ...{ trainLoss: exactly(loss / 2), testLoss: exactly(loss), seconds: exactly(8) },
 *   valueAtEqualTime: exactly(loss),
 *   toTarget: {
 *     ...{ reached: 1, of: 1, epochs: exactly(epochs), seconds: exactly(2 * epochs) },
 *     ...{ epochRatio: single(epochs / 4), timeRatio: single(epochs / 4) },
 *   },
 * });
 * const summary: ComparisonSummary = {
 *   format: 2,
 *   ...{ complete: true, command: "deno task compare", model: "mlp", data: "glyphs" },
 *   ...{ trainingExamples: 512, testExamples: 128, metric: "loss", seeds: [1], search: null },
 *   ...{ epochs: 4, batch: 128, backend: "wasm", machine: "a laptop, 8 cores", runtime: "Deno 2" },
 *   ...{ from: "2026-01-01", to: "2026-01-01", contended: null, equalSeconds: 8 },
 *   optimizers: [optimizer("tekfac", 0.01, 2), optimizer("adam", 0.04, 4)],
 *   target: { optimizer: "adam", value: 0.04 },
 *   pairs: [{ optimizer: "tekfac", against: "adam", ...single(0.25) }],
 *   pairsAtEqualTime: [],
 * };
 * assert.deepEqual(equalEpochsTable(summary).rows[0], ["tekfac", "0.01", "0.005", "8 s", "0"]);
 * assert.deepEqual(targetTable(summary)!.rows[0], ["tekfac", "1 of 1", "2", "0.5", "4 s", "0.5"]);
 * assert.deepEqual(pairsTable(summary).rows, [["tekfac / adam", "0.25", "1"]]);
 * assert.equal(searchTable(summary), undefined); // nothing was searched
 * assert.equal(runsText([{}, { didNotLearn: true }], []), "2, 1 did not learn");
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
