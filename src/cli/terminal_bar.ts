/**
 * A line of the terminal that shows how far something is.
 *
 * @module
 */

import cliProgress from "npm:cli-progress@3.12.0";

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

/** Appears on stderr with the first value that is shown, and goes when it is disposed. */
export class TerminalBar implements Disposable {
  readonly #bar: Bar;
  readonly #weight: number;
  #started = false;
  #loss: number | undefined;

  /**
   * Shows nothing yet.
   *
   * @param format Of `cli-progress`.
   * @param weight Of the newest loss in the average that is shown: losses of single batches jump too much to be read.
   */
  constructor(format: string, weight: number) {
    this.#weight = weight;
    this.#bar = new cliProgress.SingleBar({
      format,
      barsize: 20,
      fps: 8,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    }, cliProgress.Presets.shades_classic);
  }

  /** The average of the losses so far, this one included. */
  averaged(loss: number): number {
    this.#loss = this.#loss === undefined ? loss : this.#loss + this.#weight * (loss - this.#loss);
    return this.#loss;
  }

  /** Shows a value; the bar begins at `from`. */
  show(value: number, total: number, from: number, payload: Record<string, unknown>): void {
    if (!this.#started) this.#bar.start(total, from, payload);
    this.#started = true;
    this.#bar.update(value, payload);
  }

  /** Gives the line back. */
  [Symbol.dispose](): void {
    if (this.#started) this.#bar.stop();
  }
}
