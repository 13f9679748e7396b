/**
 * The live progress of a run of a language model on a terminal.
 *
 * @module
 */

import { formatNumber } from "../pages/text.ts";
import type { TextEvaluation, TextProgress } from "../training/text_trainer.ts";
import { canShowProgress, TerminalBar } from "./terminal_bar.ts";

/** Is told about a run, and owns a line of the terminal until it is disposed. */
export interface TextProgressLine extends Disposable {
  onStep(progress: TextProgress): void;
  onEvaluation(evaluation: TextEvaluation): void;
}

/**
 * Shows steps, losses, tokens per second and time left on stderr.
 *
 * @param title What is running.
 * @returns `undefined` where nobody is watching.
 */
export function textProgress(title: string): TextProgressLine | undefined {
  if (!canShowProgress()) return undefined;
  const bar = new TerminalBar(
    `${title} {bar} {value}/{total} | loss {loss} | held out {heldOut} | ` +
      "{speed} tokens/s | {left} left",
    0.05,
  );
  let heldOut = "-";
  let taken = 0, began = performance.now();
  return {
    onStep({ step, steps, tokensPerSecond, report }) {
      if (taken++ === 0) began = performance.now();
      const left = (steps - step) * (performance.now() - began) / 1000 / Math.max(1, taken - 1);
      const speed = Math.round(tokensPerSecond).toLocaleString("en-US");
      const loss = formatNumber(bar.averaged(report.loss));
      bar.show(step, steps, step - 1, { heldOut, speed, loss, left: `${Math.ceil(left)} s` });
    },
    onEvaluation({ heldOutLoss }) {
      heldOut = formatNumber(heldOutLoss);
    },
    [Symbol.dispose]: () => bar[Symbol.dispose](),
  };
}
