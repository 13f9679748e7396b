/**
 * Batches that are made while the step before them runs.
 *
 * @module
 */

import { BatchMaker } from "./batch_maker.ts";
import type { Batch, BatchesOptions } from "./batches.ts";
import type { Dataset } from "./dataset.ts";

/** The batches of one epoch, the next one always underway. Made by {@linkcode streamBatches}. */
export interface BatchStream extends AsyncIterableIterator<Batch> {
  /** Time spent on making batches so far, in milliseconds, wherever it was spent. */
  readonly preparationMs: number;
}

/**
 * The batches that {@linkcode batches} yields, for a `for await` loop. There are two buffers: as soon as
 * the loop waits for anything, a step on a GPU for one, the next batch is made in the other one. Where a
 * step leaves no such pause, the batch is made when it is asked for. Nothing is held but the data set and
 * the two buffers.
 *
 * The arrays of a batch are valid until the next one is asked for.
 *
 * @throws {OptionError} When an option is out of range.
 *
 * @example One epoch
 * ```ts
 * import assert from "node:assert/strict";
 * import { glyphs, streamBatches } from "@tekfac/tekfac/data";
 *
 * const { train } = glyphs({ train: 10, test: 1 });
 * const sizes = [];
 * for await (const batch of streamBatches(train, { size: 8, shuffle: { seed: 0, epoch: 0 } })) {
 *   sizes.push(batch.examples);
 * }
 * assert.deepEqual(sizes, [8, 2]);
 * ```
 */
export function streamBatches(dataset: Dataset, options: BatchesOptions): BatchStream {
  return new DoubleBuffer(new BatchMaker(dataset, options));
}

class DoubleBuffer implements BatchStream {
  preparationMs = 0;
  readonly #maker: BatchMaker;
  readonly #buffers: ReturnType<BatchMaker["buffers"]>[];
  /** The batch that was made ahead; `undefined` when none is, `"end"` when there is none. */
  #ahead: Batch | "end" | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(maker: BatchMaker) {
    this.#maker = maker;
    this.#buffers = [maker.buffers(), maker.buffers()];
  }

  next(): Promise<IteratorResult<Batch, undefined>> {
    this.#prepare();
    const value = this.#ahead!;
    if (value === "end") return Promise.resolve({ done: true, value: undefined });
    this.#ahead = undefined;
    // A task of its own: it runs when whoever asked waits for something, never before it has its batch.
    this.#timer = setTimeout(() => this.#prepare(), 0);
    return Promise.resolve({ done: false, value });
  }

  return(): Promise<IteratorResult<Batch, undefined>> {
    clearTimeout(this.#timer);
    this.#ahead = "end";
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #prepare(): void {
    clearTimeout(this.#timer);
    if (this.#ahead !== undefined) return;
    const started = performance.now();
    this.#buffers.reverse();
    this.#ahead = this.#maker.next(this.#buffers[0]) ?? "end";
    this.preparationMs += performance.now() - started;
  }
}
