/**
 * How long a thread waits for the task of another one before it takes it for dead.
 *
 * @module
 */

/** Milliseconds without a task being finished that are waited in any case; no worker is held up as long as that. */
const LEAST = 1500;

/** How much longer a task may take than those of the waiting thread did: a busy machine is slow for all. */
const FACTOR = 3;

/** A clock that starts anew whenever something has been finished. */
export class Patience {
  readonly #limit: number;
  #since = performance.now();
  #done = -1;

  /** @param busy Milliseconds that the waiting thread took for its own share. */
  constructor(busy: number) {
    this.#limit = LEAST + FACTOR * busy;
  }

  /** Milliseconds that are left when so many tasks are done; 0 when none is. */
  leftAt(done: number): number {
    const now = performance.now();
    if (done !== this.#done) {
      this.#done = done;
      this.#since = now;
    }
    return Math.max(0, this.#limit - (now - this.#since));
  }
}
