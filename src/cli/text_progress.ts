/**
 * The live progress of a run of a language model on a terminal.
 *
 * @module
 */

import cliProgress from "npm:cli-progress@3.12.0";
import { formatNumber } from "../pages/text.ts";
import type { TextEvaluation, TextProgress } from "../training/text_trainer.ts";
import { canShowProgress } from "./progress_bar.ts";

/** Is told about a run, and owns a line of the terminal until it is disposed. */
export interface TextProgressLine extends Disposable {
  onStep(progress: TextProgress): void;
  onEvaluation(evaluation: TextEvaluation): void;
}

/** What is used of the library, which has no types of its own. */
interface Bar {
  start(total: number, value: number, payload: Record<string, unknown>): void;
  update(value: number, payload: Record<string, unknown>): void;
  stop(): void;
}

/**
 * Shows steps, losses, tokens per second and time left on stderr.
 *
 * @param title What is running.
 * @returns `undefined` where nobody is watching.
 */
export function textProgress(title: string): TextProgressLine | undefined {
  if (!canShowProgress()) return undefined;
  const bar: Bar = new cliProgress.SingleBar({
    format: `${title} {bar} {value}/{total} | loss {loss} | held out {heldOut} | ` +
      "{speed} tokens/s | {left} left",
    barsize: 20,
    fps: 8,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  }, cliProgress.Presets.shades_classic);
  let started = false;
  let heldOut = "-";
  let taken = 0, began = performance.now();
  // The loss of single batches jumps too much to be read.
  let loss: number | undefined;
  return {
    onStep({ step, steps, tokensPerSecond, report }) {
      loss = loss === undefined ? report.loss : 0.95 * loss + 0.05 * report.loss;
      if (taken++ === 0) began = performance.now();
      const left = (steps - step) * (performance.now() - began) / 1000 / Math.max(1, taken - 1);
      const speed = Math.round(tokensPerSecond).toLocaleString("en-US");
      const payload = {
        ...{ heldOut, speed },
        loss: formatNumber(loss),
        left: `${Math.ceil(left)} s`,
      };
      if (!started) bar.start(steps, step - 1, payload);
      started = true;
      bar.update(step, payload);
    },
    onEvaluation({ heldOutLoss }) {
      heldOut = formatNumber(heldOutLoss);
    },
    [Symbol.dispose]() {
      if (started) bar.stop();
    },
  };
}
