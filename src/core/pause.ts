/**
 * Turns of the event loop.
 *
 * @module
 */

/** Milliseconds after which others have their turn. */
const EVERY = 100;

/** Lets timers, input and painting have their turn now and then; promises alone never do. */
export class Pause {
  #last = performance.now();

  /** Waits for a turn of the event loop, if the last one is long past. */
  async take(): Promise<void> {
    if (performance.now() - this.#last < EVERY) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#last = performance.now();
  }
}
