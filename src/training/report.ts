/**
 * The page about one run.
 *
 * @module
 */

import type { LayerSpectrum } from "../optim/spectra.ts";
import { type Chart, type ChartLibrary, renderPage, type Table } from "../pages/page.ts";
import { formatNumber, formatPercent, formatSeconds } from "../pages/text.ts";
import { lossSeries } from "./loss_chart.ts";
import { spectrumChart } from "./spectrum_chart.ts";
import type { TrainingRecord } from "./train_options.ts";

/** Everything that the page about a run shows. */
export interface RunReport {
  /** The heading. */
  readonly title: string;
  /** What happened. */
  readonly record: TrainingRecord;
  /** Names and values of the settings, in the order of their importance. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Eigenvalues of each layer's curvature at the end; empty where the optimizer has none. */
  readonly spectra: readonly LayerSpectrum[];
  /** The optimizer's own description. */
  readonly description: string;
}

/**
 * Writes the page about a run: loss of every step, test accuracy of every epoch, the spectrum of
 * every layer's curvature, and all of it in tables.
 *
 * @example A page that needs nothing but itself
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ChartLibrary } from "@tekfac/tekfac/pages";
 * import { runReport, type TrainingRecord } from "@tekfac/tekfac/training";
 *
 * const end = { trainLoss: 0.02, testLoss: 0.05, testAccuracy: 0.985, seconds: 12 };
 * const record: TrainingRecord = {
 *   ...end,
 *   epochs: [{ ...end, epoch: 1, runningLoss: 0.4 }],
 *   stepLosses: [0.8, 0.3, 0.1],
 *   endedBy: "epochs",
 *   notes: [],
 *   stepsPerEpoch: 3,
 *   stepMs: 4000,
 * };
 * const uPlot: ChartLibrary = { script: "var uPlot;", style: "" }; // stands for the text of its files
 * const settings = [["model", "cnn"], ["optimizer", "tekfac"]] as const;
 * const description = "tekfac, 3 layers";
 * const page = runReport({ title: "A run", record, settings, spectra: [], description }, uPlot);
 * assert.match(page, /^<!doctype html>/i);
 * for (const text of ["A run", "model cnn, optimizer tekfac", "98.50 %", "12.0 s"]) {
 *   assert(page.includes(text));
 * }
 * ```
 */
export function runReport(report: RunReport, library: ChartLibrary): string {
  const { title, record, settings, spectra, description } = report;
  const charts = [
    ...(record.stepLosses.length === 0 ? [] : [lossChart(record)]),
    ...(record.epochs.length === 0 ? [] : [testChart(record)]),
    ...(spectra.length === 0 ? [] : [spectrumChart(spectra)]),
  ];
  return renderPage({
    title,
    subtitle: settings.map(([name, value]) => `${name} ${value}`).join(", "),
    figures: [
      ...(record.testAccuracy === null
        ? []
        : [{ label: "Test accuracy", value: formatPercent(record.testAccuracy) }]),
      { label: "Test loss", value: formatNumber(record.testLoss) },
      { label: "Training loss", value: formatNumber(record.trainLoss) },
      { label: "Training time", value: formatSeconds(record.seconds) },
      { label: "Time per step", value: `${record.stepMs.toFixed(1)} ms` },
      ...(record.firstStepSeconds === undefined
        ? []
        : [{ label: "First step", value: formatSeconds(record.firstStepSeconds) }]),
    ],
    charts,
    tables: [
      epochTable(record),
      ...(spectra.length === 0 ? [] : [spectrumTable(spectra)]),
      { title: "Settings", head: ["Setting", "Value"], rows: settings },
    ],
    listings: [{ title: "Optimizer", text: description }],
  }, library);
}

function lossChart({ stepLosses, stepsPerEpoch }: TrainingRecord): Chart {
  return {
    title: "Training loss per step",
    note: "The loss of each batch before the step that uses it, and its moving average over a " +
      "tenth of an epoch.",
    x: { label: "step", whole: true },
    y: { label: "loss", log: true },
    series: lossSeries(stepLosses, stepsPerEpoch / 10),
  };
}

function testChart({ epochs }: TrainingRecord): Chart {
  const x = epochs.map(({ epoch }) => epoch);
  if (epochs[0].testAccuracy === null) {
    const y = epochs.map(({ testLoss }) => testLoss);
    return {
      title: "Test loss per epoch",
      note: "Mean loss over the images held back, after each epoch.",
      x: { label: "epoch", whole: true },
      y: { label: "loss" },
      series: [{ name: "test loss", x, y, color: 2 }],
    };
  }
  const y = epochs.map(({ testAccuracy }) => testAccuracy === null ? null : 100 * testAccuracy);
  return {
    title: "Test accuracy per epoch",
    note: "Share of the images held back that are classified rightly, after each epoch.",
    x: { label: "epoch", whole: true },
    y: { label: "accuracy in %" },
    series: [{ name: "test accuracy", x, y, color: 2 }],
  };
}

function epochTable({ epochs }: TrainingRecord): Table {
  return {
    title: "Epochs",
    head: ["Epoch", "Loss while training", "Test loss", "Test accuracy", "Time"],
    rows: epochs.map(({ epoch, runningLoss, testLoss, testAccuracy, seconds }) => [
      String(epoch),
      formatNumber(runningLoss),
      formatNumber(testLoss),
      formatPercent(testAccuracy),
      formatSeconds(seconds),
    ]),
  };
}

function spectrumTable(spectra: readonly LayerSpectrum[]): Table {
  return {
    title: "Curvature",
    note: "Of each layer's eigenvalues: how many, the largest, the middle one, and their sum.",
    head: ["Layer", "Eigenvalues", "Largest", "Median", "Trace"],
    rows: spectra.map(({ name, eigenvalues }) => [
      name,
      eigenvalues.length.toLocaleString("en-US"),
      formatNumber(eigenvalues[0]),
      formatNumber(eigenvalues[eigenvalues.length >> 1]),
      formatNumber(eigenvalues.reduce((sum, value) => sum + value, 0)),
    ]),
  };
}
