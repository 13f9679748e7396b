/**
 * Labelled images in memory.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { type Labels, labelsOf, MOST_CLASSES } from "./labels.ts";
import { checkNormalization, type Normalization } from "./normalization.ts";

/** Labelled images in memory, N of them. Made by {@linkcode createDataset}, which checks them. */
export interface Dataset {
  /**
   * Brightness, channels-last, [N * height * width * channels]: numbers in [0, 1], or bytes, which stand
   * for the same in steps of 1/255 and take a quarter of the memory.
   */
  readonly images: Float32Array | Uint8Array;
  /** One label per image, in [0, classes), [N]. */
  readonly labels: Labels;
  /** Shape of one image. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Number of classes. */
  readonly classes: number;
  /** Where the images come from, for messages and reports. */
  readonly source: string;
  /** What batches make of brightness. @default {nothing} */
  readonly normalization?: Normalization;
}

/** A data set to learn from and one to be judged by. */
export interface DatasetSplit {
  /** Examples to learn from. */
  readonly train: Dataset;
  /** Examples held back. */
  readonly test: Dataset;
}

/**
 * Checks that images and labels belong together. The arrays are kept, not copied.
 *
 * @returns The same fields, frozen.
 * @throws {DataError} When there is no image, the sizes do not match, a label is out of range, a
 * pixel is not in [0, 1], or the normalization does not fit.
 *
 * @example Your own images
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { createDataset, examplesIn, pixelsPerImage, split, subset } from "@tekfac/tekfac/data";
 *
 * const dataset = createDataset({
 *   images: new Uint8Array(10 * 4 * 4).fill(128),
 *   labels: Uint8Array.from({ length: 10 }, (_, i) => i % 2),
 *   shape: [4, 4, 1],
 *   classes: 2,
 *   source: "gray squares",
 * });
 * assert.equal(pixelsPerImage(dataset), 16);
 * const { train, test } = split(dataset, { testShare: 0.2, seed: 1 });
 * assert.deepEqual([examplesIn(train), examplesIn(test)], [8, 2]);
 * assert.deepEqual([...subset(dataset, [1, 1, 0]).labels], [1, 1, 0]);
 * ```
 */
export function createDataset(fields: Dataset): Dataset {
  const { images, labels, shape, classes, source } = fields;
  const size = shape[0] * shape[1] * shape[2];
  if (labels.length === 0) {
    throw new DataError(source, "expected at least one image, received none");
  }
  if (images.length !== labels.length * size) {
    throw new DataError(
      source,
      `expected ${labels.length * size} pixels for ${labels.length} labels and images of ` +
        `${shape.join(" x ")}, received ${images.length}`,
    );
  }
  if (!(Number.isInteger(classes) && classes >= 1 && classes <= MOST_CLASSES)) {
    throw new DataError(source, `expected 1 to ${MOST_CLASSES} classes, received ${classes}`);
  }
  const label = labels.findIndex((value) => value >= classes);
  if (label >= 0) {
    throw new DataError(
      source,
      `expected labels in [0, ${classes - 1}], received ${labels[label]} for image ${label}`,
    );
  }
  if (images instanceof Float32Array) checkPixels(images, size, source);
  const { normalization } = fields;
  if (normalization !== undefined) checkNormalization(source, normalization, shape[2]);
  return Object.freeze({
    ...{ images, labels, shape, classes, source },
    ...(normalization === undefined ? {} : { normalization }),
  });
}

function checkPixels(images: Float32Array, size: number, source: string): void {
  // A loop: with a callback per pixel this check would cost more than drawing or reading the images.
  let pixel = 0;
  while (pixel < images.length && images[pixel] >= 0 && images[pixel] <= 1) pixel++;
  if (pixel === images.length) return;
  throw new DataError(
    source,
    `expected pixels in [0, 1], received ${images[pixel]} in image ${Math.floor(pixel / size)}`,
  );
}

/** Number of examples of a data set. */
export function examplesIn(dataset: Dataset): number {
  return dataset.labels.length;
}

/** Numbers per example: height * width * channels. */
export function pixelsPerImage(dataset: Dataset): number {
  return dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
}

/**
 * A new data set with copies of the examples at `indices`, in that order; repetitions are allowed.
 *
 * @throws {OptionError} When an index is not that of an example.
 * @throws {DataError} When there is no index.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const count = examplesIn(dataset);
  const size = pixelsPerImage(dataset);
  const length = indices.length * size;
  const images = dataset.images instanceof Uint8Array
    ? new Uint8Array(length)
    : new Float32Array(length);
  const labels = labelsOf(new Uint8Array(indices.length), dataset.classes);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i];
    if (!(Number.isInteger(index) && index >= 0 && index < count)) {
      throw new OptionError(
        "Cannot take a subset",
        "indices",
        `must be integers in [0, ${count - 1}]`,
        index,
      );
    }
    images.set(dataset.images.subarray(index * size, (index + 1) * size), i * size);
    labels[i] = dataset.labels[index];
  }
  return createDataset({ ...dataset, images, labels });
}

/**
 * Deals the examples into two data sets by a seeded permutation, so that equal seeds split equal data
 * alike.
 *
 * @param dataset What is split; at least two examples.
 * @param options `testShare` in (0, 1): share of the examples that is held back, rounded to whole
 * examples, at least one and not all; `seed` of the permutation.
 * @throws {OptionError} When `testShare` is out of range.
 * @throws {DataError} When there are fewer than two examples.
 */
export function split(
  dataset: Dataset,
  options: { readonly testShare: number; readonly seed: number },
): DatasetSplit {
  const share = checkNumber("Cannot split a data set", "testShare", options.testShare, {
    above: 0,
    below: 1,
  });
  const count = examplesIn(dataset);
  if (count < 2) {
    throw new DataError(dataset.source, `expected at least 2 images to split, received ${count}`);
  }
  const testCount = Math.min(Math.max(Math.round(count * share), 1), count - 1);
  const order = new Random(options.seed).permutation(count);
  return {
    train: subset(dataset, order.subarray(0, count - testCount)),
    test: subset(dataset, order.subarray(count - testCount)),
  };
}
