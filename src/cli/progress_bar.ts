/**
 * The live progress of a run on a terminal.
 *
 * @module
 */

import { formatNumber, formatPercent } from "../pages/text.ts";
import type { TrainingObserver } from "../training/mod.ts";
import { TerminalBar } from "./terminal_bar.ts";

/** An observer that owns a line of the terminal until it is disposed. */
export type ProgressBar = Required<Pick<TrainingObserver, "onStep" | "onEpoch">> & Disposable;

/**
 * Shows how far a run is, with loss, test accuracy, images per second and time left, on stderr.
 *
 * @param title What is running.
 * @param epochs Epochs in all.
 */
export function progressBar(title: string, epochs: number): ProgressBar {
  const bar = new TerminalBar(
    `${title} {bar} {percentage}% | epoch {epoch}/${epochs} | loss {loss} | ` +
      "accuracy {accuracy} | {speed} images/s | {left} left",
    0.1,
  );
  let accuracy = "-";
  return {
    onStep({ epoch, step, steps, examplesPerSecond, report }) {
      const left = (steps - step) * report.examples / examplesPerSecond;
      bar.show(step, steps, 0, {
        epoch,
        loss: formatNumber(bar.averaged(report.loss)),
        accuracy,
        speed: Math.round(examplesPerSecond).toLocaleString("en-US"),
        left: `${Math.ceil(left)} s`,
      });
    },
    onEpoch({ testAccuracy }) {
      accuracy = formatPercent(testAccuracy);
    },
    [Symbol.dispose]: () => bar[Symbol.dispose](),
  };
}
