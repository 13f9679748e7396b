/**
 * Which random draws a pass over a batch uses: dropout of a step is the same wherever the batch is looked at again, and
 * whoever has which of its examples.
 *
 * @module
 */

import type { Places } from "../core/capture.ts";
import { Random } from "../core/random.ts";
import type { BatchLike } from "./batch.ts";
import { drawnAt } from "./losses/noise.ts";
import type { PassDraws } from "./module.ts";

/** Numbers the draws of training passes. */
export class Draws {
  /** Passes that have left gradients so far: the number of the next one's draws. */
  next = 0;
  /** Those of the step's batches, so that other passes can repeat them. */
  #ofBatch = new WeakMap<BatchLike, PassDraws>();

  /** Of a pass that leaves gradients: a new number. The first one of a step forgets the step before. */
  begin(batch: BatchLike, first: boolean, places: Places | undefined): PassDraws {
    if (first) this.#ofBatch = new WeakMap();
    const draws = { draw: this.next++, places };
    this.#ofBatch.set(batch, draws);
    return draws;
  }

  /** Of a pass that looks again: the batch's last one. */
  again(batch: BatchLike): PassDraws {
    return this.#ofBatch.get(batch) ?? { draw: this.next };
  }
}

/**
 * A seed for each example of a pass, below 2^24, so that float32 has it exactly: what is drawn for an example follows
 * from its place in the batch of all ranks.
 *
 * @param seed Of the layer.
 */
export function exampleSeeds(
  { draw, places }: PassDraws,
  seed: number,
  examples: number,
): Float32Array {
  const random = new Random(seed + draw);
  const seeds = (count: number) => Float32Array.from({ length: count }, () => random.bits() >>> 8);
  return places === undefined ? seeds(examples) : drawnAt(places, 1, seeds);
}
