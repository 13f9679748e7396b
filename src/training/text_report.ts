/**
 * The page about a run of a language model.
 *
 * @module
 */

import { type Chart, type ChartLibrary, renderPage, type Table } from "../pages/page.ts";
import { formatNumber, formatSeconds } from "../pages/text.ts";
import { lossSeries } from "./loss_chart.ts";
import type { TextRecord } from "./text_trainer.ts";

/** Everything that the page shows. */
export interface TextReport {
  /** The heading. */
  readonly title: string;
  /** What happened. */
  readonly record: TextRecord;
  /** Names and values of the settings, in the order of their importance. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** What the model has written at the end. */
  readonly sample: string;
  /** The optimizer's own description. */
  readonly description: string;
}

/**
 * Writes the page about a run: the loss of every step and on the text held out, a sample, and all of it in tables.
 *
 * @example A page that needs nothing but itself
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ChartLibrary } from "@tekfac/tekfac/pages";
 * import { type TextRecord, textReport } from "@tekfac/tekfac/training";
 *
 * const record: TextRecord = {
 *   firstStep: 0,
 *   stepLosses: [4.2, 3.5, 3.1],
 *   evaluations: [{ step: 3, runningLoss: 3.6, heldOutLoss: 3.2, seconds: 1.5 }],
 *   heldOutLoss: 3.2,
 *   seconds: 1.5,
 *   stepMs: 500,
 *   tokensPerSecond: 1536,
 * };
 * const uPlot: ChartLibrary = { script: "var uPlot;", style: "" }; // stands for the text of its files
 * const settings = [["model", "gpt"]] as const;
 * const texts = { sample: "To be", description: "muon, 4 layers" };
 * const page = textReport({ title: "A run", record, settings, ...texts }, uPlot);
 * for (const text of ["A run", "model gpt", "3.2", "1,536", "To be"]) assert(page.includes(text));
 * ```
 */
export function textReport(report: TextReport, library: ChartLibrary): string {
  const { title, record, settings, sample, description } = report;
  return renderPage({
    title,
    subtitle: settings.map(([name, value]) => `${name} ${value}`).join(", "),
    figures: [
      { label: "Held-out loss, nats per character", value: formatNumber(record.heldOutLoss) },
      {
        label: "Tokens per second",
        value: Math.round(record.tokensPerSecond).toLocaleString("en-US"),
      },
      { label: "Training time", value: formatSeconds(record.seconds) },
      { label: "Time per step", value: `${record.stepMs.toFixed(1)} ms` },
    ],
    charts: record.stepLosses.length === 0 ? [] : [lossChart(record)],
    tables: [evaluationTable(record), {
      title: "Settings",
      head: ["Setting", "Value"],
      rows: settings,
    }],
    listings: [{ title: "Sample", text: sample }, { title: "Optimizer", text: description }],
  }, library);
}

function lossChart({ stepLosses, evaluations, firstStep }: TextRecord): Chart {
  return {
    title: "Loss",
    note: "The loss of each batch before the step that uses it, its moving average over a " +
      "fiftieth of the run, and the loss on the text held out.",
    x: { label: "step", whole: true },
    y: { label: "nats per character" },
    series: [...lossSeries(stepLosses, stepLosses.length / 50, firstStep), {
      name: "held out",
      x: evaluations.map(({ step }) => step),
      y: evaluations.map(({ heldOutLoss }) => heldOutLoss),
      color: 2,
    }],
  };
}

function evaluationTable({ evaluations }: TextRecord): Table {
  return {
    title: "Evaluations",
    head: ["Step", "Loss while training", "Held-out loss", "Time"],
    rows: evaluations.map(({ step, runningLoss, heldOutLoss, seconds }) => [
      String(step),
      formatNumber(runningLoss),
      formatNumber(heldOutLoss),
      formatSeconds(seconds),
    ]),
  };
}
