/**
 * Batches of a data set, in seeded random order or as stored.
 *
 * @module
 */

import { type Batch, type BatchesOptions, BatchMaker, type BatchShare } from "./batch_maker.ts";
import { type Dataset, examplesIn, inputSize, targetSize } from "./dataset.ts";

export type { Batch, BatchesOptions, BatchShare };

/**
 * Number of batches that {@linkcode batches} yields.
 *
 * @param ranks How many share each of them.
 *
 * @example The last batch holds what is left
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { batchCount, batches, glyphs } from "@tekfac/tekfac/data";
 *
 * const { train } = glyphs({ train: 10, test: 1, seed: 1 });
 * assert.equal(batchCount(train, 4), 3);
 * const sizes = Array.from(batches(train, { size: 4 }), ({ examples }) => examples);
 * assert.deepEqual(sizes, [4, 4, 2]);
 * ```
 */
export function batchCount(dataset: Dataset, size: number, ranks = 1): number {
  const examples = examplesIn(dataset);
  return Math.floor(examples / size) + (examples % size >= ranks ? 1 : 0);
}

/**
 * Yields every example once. Equal seeds and epochs give equal batches; each epoch has its own order.
 *
 * The arrays of a batch are valid until the next one is asked for: batches share one buffer, or are views
 * of a data set that is already as they shall be.
 *
 * @throws {OptionError} When `size` is not an integer >= 1, `epoch` not one >= 0, or `augment` is out of
 * range or without `shuffle`.
 *
 * @example Two batches of a small set
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, glyphs } from "@tekfac/tekfac/data";
 *
 * const { train } = glyphs({ train: 10, test: 1 });
 * const sizes = [...batches(train, { size: 8 })].map((batch) => batch.examples);
 * assert.deepEqual(sizes, [8, 2]);
 * ```
 */
export function batches(dataset: Dataset, options: BatchesOptions): Iterable<Batch> {
  const maker = new BatchMaker(dataset, options);
  const { inputs, targets, normalization, targetNormalization, weights } = dataset;
  const asStored = options.shuffle === undefined && normalization === undefined &&
    targetNormalization === undefined && weights === undefined && options.share === undefined;
  if (asStored && inputs instanceof Float32Array && !(targets instanceof Float64Array)) {
    return views(dataset, inputs, targets, options);
  }
  return made(maker);
}

function* made(maker: BatchMaker): Generator<Batch> {
  const buffers = maker.buffers();
  for (let batch = maker.next(buffers); batch !== undefined; batch = maker.next(buffers)) {
    yield batch;
  }
}

function* views(
  dataset: Dataset,
  inputs: Float32Array,
  targets: Batch["targets"],
  { size, targets: wanted }: BatchesOptions,
): Generator<Batch> {
  const [inputLength, targetLength] = [inputSize(dataset), targetSize(dataset)];
  const count = examplesIn(dataset);
  for (let start = 0; start < count; start += size) {
    const end = Math.min(start + size, count);
    const part = inputs.subarray(start * inputLength, end * inputLength);
    const goal = targets.subarray(start * targetLength, end * targetLength);
    yield { inputs: part, targets: wanted === "inputs" ? part : goal, examples: end - start };
  }
}
