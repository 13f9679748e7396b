/**
 * Which random draws a pass over a batch uses: dropout of a step is the same wherever the batch is looked at again.
 *
 * @module
 */

import type { BatchLike } from "./batch.ts";

/** Numbers the draws of training passes. */
export class Draws {
  /** Passes that have left gradients so far: the number of the next one's draws. */
  next = 0;
  /** Numbers of the step's batches, so that other passes can repeat them. */
  #ofBatch = new WeakMap<BatchLike, number>();

  /** Of a pass that leaves gradients: a new number. The first one of a step forgets the step before. */
  begin(batch: BatchLike, first: boolean): number {
    if (first) this.#ofBatch = new WeakMap();
    this.#ofBatch.set(batch, this.next);
    return this.next++;
  }

  /** Of a pass that looks again: the batch's last one. */
  again(batch: BatchLike): number {
    return this.#ofBatch.get(batch) ?? this.next;
  }
}
