/**
 * The page that shows several optimizers side by side, by epoch and by time.
 *
 * @module
 */

import {
  type Axis,
  type Chart,
  type ChartLibrary,
  formatNumber,
  formatPercent,
  renderPage,
  type Series,
  type Table,
} from "@tekfac/tekfac/pages";
import type { EpochRecord } from "@tekfac/tekfac/training";
import { runsText } from "./comparison_tables.ts";
import { type Contestant, type SeededRun, type Spread, spreadOf } from "./comparison.ts";

/** Everything that the page about a comparison shows. */
export interface CompareReport {
  /** The heading. */
  readonly title: string;
  /** One per optimizer. */
  readonly contestants: readonly Contestant[];
  /** Names and values of the settings that all share. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Further tables, between the results and the settings. @default {none} */
  readonly tables?: readonly Table[];
  /** What each optimizer was set to, one line each. */
  readonly descriptions: readonly string[];
}

/** A number with some significant digits, or with some decimals whatever is asked for. */
type Format = (value: number, digits: number) => string;

const fixed = (decimals: number): Format => (value) => value.toFixed(decimals);

/** Head of {@linkcode comparisonRows}. */
export const comparisonHead: readonly string[] = [
  "Optimizer",
  "Training loss",
  "Test loss",
  "Test accuracy",
  "Time",
  "Step",
  "Runs",
];

/** One line of text per optimizer: the mean over its runs, with half the range where there are several. */
export function comparisonRows(contestants: readonly Contestant[]): string[][] {
  return contestants.map(({ name, runs, failures }) => {
    const cell = (pick: (run: SeededRun) => number, format: Format, unit = "") => {
      const spread = spreadOf(runs.map(pick));
      if (spread === undefined) return "-";
      const half = (spread.high - spread.low) / 2;
      const range = runs.length === 1 ? "" : ` ± ${format(half, 2)}`;
      return `${format(spread.mean, 4)}${range}${unit}`;
    };
    const judged = runs.every(({ testAccuracy }) => testAccuracy !== null);
    return [
      name,
      cell((run) => run.trainLoss, formatNumber),
      cell((run) => run.testLoss, formatNumber),
      judged ? cell((run) => 100 * (run.testAccuracy ?? 0), fixed(2), " %") : "-",
      cell((run) => run.seconds, fixed(1), " s"),
      cell((run) => run.stepMs, fixed(1), " ms"),
      runsText(runs, failures),
    ];
  });
}

/**
 * Writes the page about a comparison.
 *
 * @example Two seeds of one optimizer, and another that diverged
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ChartLibrary } from "@tekfac/tekfac/pages";
 * import { compareReport, comparisonHead, comparisonRows } from "./compare_report.ts";
 * import type { Contestant, SeededRun } from "./comparison.ts";
 *
 * const run = (seed: number, testAccuracy: number): SeededRun => ({
 *   seed,
 *   epochs: [{ epoch: 1, runningLoss: 0.4, testLoss: 0.25, testAccuracy, seconds: 2 }],
 *   trainLoss: 0.5,
 *   testLoss: 0.25,
 *   testAccuracy,
 *   seconds: 2,
 *   stepMs: 2,
 * });
 * const contestants: Contestant[] = [
 *   { name: "tekfac", runs: [run(1, 0.96), run(2, 0.98)], failures: [] },
 *   { name: "sgd", runs: [], failures: ["seed 1: the loss is not finite"] },
 * ];
 * const [tekfac, sgd] = comparisonRows(contestants);
 * assert.equal(tekfac[comparisonHead.indexOf("Test accuracy")], "97.00 ± 1.00 %");
 * assert.equal(sgd[comparisonHead.indexOf("Runs")], "0, 1 diverged");
 *
 * const uPlot: ChartLibrary = { script: "var uPlot;", style: "" }; // stands for the text of its files
 * const page = compareReport(
 *   { title: "Optimizers", contestants, settings: [["model", "cnn"]], descriptions: [] },
 *   uPlot,
 * );
 * assert(page.includes("97.00 ± 1.00 %") && page.includes("sgd, seed 1: the loss is not finite"));
 * ```
 */
export function compareReport(report: CompareReport, library: ChartLibrary): string {
  const { title, contestants, settings, descriptions, tables = [] } = report;
  const withRuns = contestants.filter(({ runs }) => runs.some(({ epochs }) => epochs.length > 0));
  const classifies = withRuns.some(({ runs }) => runs[0].testAccuracy !== null);
  const evaluated = withRuns.every(({ runs }) =>
    runs.every(({ epochs }) => epochs.every(({ trainLoss }) => trainLoss !== undefined))
  );
  const quantities = [evaluated ? LOSS : RUNNING_LOSS, ...(classifies ? [ACCURACY] : [TEST_LOSS])];
  const failures = contestants.flatMap((c) => c.failures.map((text) => `${c.name}, ${text}`));
  return renderPage({
    title,
    subtitle: settings.map(([name, value]) => `${name} ${value}`).join(", "),
    figures: contestants.map((contestant) => headline(contestant, classifies)),
    charts: withRuns.length === 0 ? [] : quantities.flatMap((quantity) => [
      chartOf(withRuns, quantity, BY_EPOCH),
      chartOf(withRuns, quantity, BY_TIME),
    ]),
    tables: [
      {
        title: "Results",
        note: "At the end of training; mean over seeds and half the range. Training loss is over " +
          "the whole training set; time is that of steps, without evaluations.",
        head: comparisonHead,
        rows: comparisonRows(contestants),
      },
      ...tables,
      { title: "Settings", head: ["Setting", "Value"], rows: settings },
    ],
    listings: [{ title: "Optimizers", text: [...descriptions, ...failures].join("\n") }],
  }, library);
}

/** What a chart shows upwards. */
interface Quantity {
  readonly title: string;
  readonly axis: Axis;
  readonly pick: (epoch: EpochRecord) => number;
}

/** What a chart shows to the right. */
interface Abscissa {
  readonly title: string;
  readonly axis: Axis;
  readonly pick: (epoch: EpochRecord) => number;
}

const LOSS: Quantity = {
  title: "Training loss",
  axis: { label: "mean loss after the epoch", log: true },
  pick: (epoch) => epoch.trainLoss ?? epoch.runningLoss,
};
const RUNNING_LOSS: Quantity = {
  title: "Training loss",
  axis: { label: "mean loss during the epoch", log: true },
  pick: (epoch) => epoch.runningLoss,
};
const ACCURACY: Quantity = {
  title: "Test accuracy",
  axis: { label: "accuracy in %" },
  pick: (epoch) => 100 * (epoch.testAccuracy ?? 0),
};
const TEST_LOSS: Quantity = {
  title: "Test loss",
  axis: { label: "loss", log: true },
  pick: (epoch) => epoch.testLoss,
};
const BY_EPOCH: Abscissa = {
  title: "by epoch",
  axis: { label: "epoch", whole: true },
  pick: (epoch) => epoch.epoch,
};
const BY_TIME: Abscissa = {
  title: "by time",
  axis: { label: "training time in seconds", fromZero: true },
  pick: (epoch) => epoch.seconds,
};

function headline(
  { name, runs }: Contestant,
  classifies: boolean,
): { label: string; value: string } {
  const values = runs.map((run) => classifies ? run.testAccuracy ?? 0 : run.testLoss);
  const mean = spreadOf(values)?.mean;
  const value = mean === undefined
    ? "diverged"
    : classifies
    ? formatPercent(mean)
    : formatNumber(mean);
  return { label: name, value };
}

function chartOf(
  contestants: readonly Contestant[],
  quantity: Quantity,
  abscissa: Abscissa,
): Chart {
  return {
    title: `${quantity.title} ${abscissa.title}`,
    note: "Mean over seeds; the shade reaches from the lowest to the highest run.",
    x: abscissa.axis,
    y: quantity.axis,
    series: contestants.map(({ name, runs }, color) => {
      const start = quantity === LOSS && abscissa === BY_TIME ? startOf(runs) : [];
      const x = [
        ...start.map(({ seconds }) => seconds),
        ...overRuns(runs, abscissa.pick).map(({ mean }) => mean),
      ];
      const y = [...start.map(({ loss }) => loss), ...overRuns(runs, quantity.pick)];
      const line: Series = { name, x, y: y.map(({ mean }) => mean), color };
      if (runs.length < 2) return line;
      return { ...line, band: [y.map(({ low }) => low), y.map(({ high }) => high)] };
    }),
  };
}

/** From the start to the end of the first step, whose cost shows as a time without progress; empty where unknown. */
function startOf(runs: readonly SeededRun[]): { seconds: number; loss: Spread }[] {
  const losses = runs.flatMap(({ initialLoss }) => initialLoss ?? []);
  const first = runs.flatMap(({ firstStepSeconds }) => firstStepSeconds ?? []);
  const loss = losses.length === runs.length ? spreadOf(losses) : undefined;
  if (loss === undefined) return [];
  const end = first.length === runs.length ? spreadOf(first) : undefined;
  return [{ seconds: 0, loss }, ...(end === undefined ? [] : [{ seconds: end.mean, loss }])];
}

/** Mean and range over runs, epoch by epoch. All runs of a comparison have the same epochs. */
function overRuns(
  runs: readonly SeededRun[],
  pick: (epoch: EpochRecord) => number,
): Spread[] {
  return runs[0].epochs.flatMap((_, i) => spreadOf(runs.map((run) => pick(run.epochs[i]))) ?? []);
}
