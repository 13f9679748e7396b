/**
 * The live progress of a run on a terminal.
 *
 * @module
 */

import cliProgress from "npm:cli-progress@3.12.0";
import { formatNumber, formatPercent } from "../pages/text.ts";
import type { TrainingObserver } from "../training/mod.ts";

/** An observer that owns a line of the terminal until it is disposed. */
export type ProgressBar = Required<Pick<TrainingObserver, "onStep" | "onEpoch">> & Disposable;

/** What is used of the library, which has no types of its own. */
interface Bar {
  start(total: number, value: number, payload: Record<string, unknown>): void;
  update(value: number, payload: Record<string, unknown>): void;
  stop(): void;
}

/** Whether somebody is watching. */
export function canShowProgress(): boolean {
  return Deno.stderr.isTerminal();
}

/**
 * Shows how far a run is, with loss, test accuracy, images per second and time left, on stderr.
 *
 * @param title What is running.
 * @param epochs Epochs in all.
 */
export function progressBar(title: string, epochs: number): ProgressBar {
  const bar: Bar = new cliProgress.SingleBar({
    format: `${title} {bar} {percentage}% | epoch {epoch}/${epochs} | loss {loss} | ` +
      "accuracy {accuracy} | {speed} images/s | {left} left",
    barsize: 20,
    fps: 8,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  }, cliProgress.Presets.shades_classic);
  let started = false;
  let accuracy = "-";
  // The loss of single batches jumps too much to be read.
  let loss: number | undefined;
  return {
    onStep({ epoch, step, steps, examplesPerSecond, report }) {
      loss = loss === undefined ? report.loss : 0.9 * loss + 0.1 * report.loss;
      const left = (steps - step) * report.examples / examplesPerSecond;
      const payload = {
        epoch,
        loss: formatNumber(loss),
        accuracy,
        speed: Math.round(examplesPerSecond).toLocaleString("en-US"),
        left: `${Math.ceil(left)} s`,
      };
      if (!started) bar.start(steps, 0, payload);
      started = true;
      bar.update(step, payload);
    },
    onEpoch({ testAccuracy }) {
      accuracy = formatPercent(testAccuracy);
    },
    [Symbol.dispose]() {
      if (started) bar.stop();
    },
  };
}
