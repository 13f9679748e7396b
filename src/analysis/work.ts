/**
 * Work over whole data sets: progress, and how it is ended early.
 *
 * @module
 */

import { Pause } from "../core/pause.ts";

/** How far a piece of work is. */
export interface WorkProgress {
  /** What is being done, to examples (`"bases"`, `"scores"`), or what there are several of (`"priors"`, `"layers"`). */
  readonly phase: string;
  /** How many are done with. */
  readonly done: number;
  /** All of them. */
  readonly total: number;
}

/** What every long piece of work takes. */
export interface LongWork {
  /** Ends the work early: it then throws the signal's reason, and what it had allocated is given back. */
  readonly signal?: AbortSignal | undefined;
  /** Is told now and then. */
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined;
}

/** What every piece of work over a data set takes. */
export interface WorkOptions extends LongWork {
  /** Examples at a time, >= 1; bounds the memory that is taken. @default {256} */
  readonly microBatch?: number | undefined;
}

/** One piece of work. */
export class Work {
  readonly #options: LongWork;
  readonly #pause = new Pause();

  /** @throws The reason of the signal, where it is aborted already. */
  constructor(options: LongWork) {
    this.#options = options;
    options.signal?.throwIfAborted();
  }

  /**
   * Tells how far it is, and gives the event loop its turn.
   *
   * @throws The reason of the signal, when it is aborted.
   */
  async advance(phase: string, done: number, total: number): Promise<void> {
    this.#options.onProgress?.({ phase, done, total });
    await this.#pause.take();
    this.#options.signal?.throwIfAborted();
  }
}
