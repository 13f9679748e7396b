/**
 * Batches of a data set, in seeded random order or as stored.
 *
 * @module
 */

import { checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { copyBrightness } from "./brightness.ts";
import { type Dataset, examplesIn, pixelsPerImage } from "./dataset.ts";

/** Some examples, in the form that a model's objective takes. */
export interface Batch {
  /** Images, channels-last, [examples * height * width * channels]. */
  readonly inputs: Float32Array;
  /** Labels, [examples], or the images themselves for a model that reproduces its input. */
  readonly targets: Uint8Array | Float32Array;
  /** Number of examples. */
  readonly examples: number;
}

/** Options of {@linkcode batches}. */
export interface BatchesOptions {
  /** Examples per batch, >= 1. The last batch holds what is left. */
  readonly size: number;
  /** What the model shall predict: the label, or its own input. @default {"labels"} */
  readonly targets?: "labels" | "inputs";
  /** Seed and epoch that decide the order. @default {as stored} */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
}

/** Number of batches that {@linkcode batches} yields. */
export function batchCount(dataset: Dataset, size: number): number {
  return Math.ceil(examplesIn(dataset) / size);
}

/**
 * Yields every example once. Equal seeds and epochs give equal batches; each epoch has its own order.
 *
 * The arrays of a batch are valid until the next one is asked for: batches share one buffer, or are views
 * of a data set that is already as they shall be.
 *
 * @throws {OptionError} When `size` is not an integer >= 1 or `epoch` not one >= 0.
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
  const subject = "Cannot make batches";
  const size = checkNumber(subject, "size", options.size, { min: 1, integer: true });
  const { shuffle, targets = "labels" } = options;
  if (shuffle === undefined) return storedBatches(dataset, size, targets);
  const epoch = checkNumber(subject, "shuffle.epoch", shuffle.epoch, { min: 0, integer: true });
  const random = new Random(shuffle.seed);
  for (let i = 0; i < epoch; i++) random.bits();
  return shuffledBatches(dataset, size, targets, random.fork());
}

function* storedBatches(
  dataset: Dataset,
  size: number,
  kind: "labels" | "inputs",
): Generator<Batch> {
  const { images } = dataset;
  const count = examplesIn(dataset);
  const pixels = pixelsPerImage(dataset);
  const isView = images instanceof Float32Array;
  const buffer = new Float32Array(isView ? 0 : Math.min(size, count) * pixels);
  for (let start = 0; start < count; start += size) {
    const end = Math.min(start + size, count);
    if (!isView) copyBrightness(buffer, 0, images, start * pixels, end * pixels);
    const inputs = isView
      ? images.subarray(start * pixels, end * pixels)
      : buffer.subarray(0, (end - start) * pixels);
    const targets = kind === "inputs" ? inputs : dataset.labels.subarray(start, end);
    yield { inputs, targets, examples: end - start };
  }
}

function* shuffledBatches(
  dataset: Dataset,
  size: number,
  kind: "labels" | "inputs",
  random: Random,
): Generator<Batch> {
  const pixels = pixelsPerImage(dataset);
  const order = random.permutation(examplesIn(dataset));
  const images = new Float32Array(Math.min(size, order.length) * pixels);
  const labels = new Uint8Array(Math.min(size, order.length));
  for (let start = 0; start < order.length; start += size) {
    const examples = Math.min(size, order.length - start);
    for (let i = 0; i < examples; i++) {
      const index = order[start + i];
      copyBrightness(images, i * pixels, dataset.images, index * pixels, (index + 1) * pixels);
      labels[i] = dataset.labels[index];
    }
    const inputs = images.subarray(0, examples * pixels);
    yield { inputs, targets: kind === "inputs" ? inputs : labels.subarray(0, examples), examples };
  }
}
