/**
 * Examples in memory: what a data set is, and labelled images as one.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { type Labels, MOST_CLASSES } from "./labels.ts";
import { checkNormalization, type Normalization } from "./normalization.ts";

/** Shape of one example, as models take it: so many numbers, or an image (a series has height 1). */
export type DataShape =
  | readonly [columns: number]
  | readonly [height: number, width: number, channels: number];

/**
 * N examples in memory: inputs, and a label or numbers to predict for each. Made by
 * {@linkcode createDataset} from images, by `table` from numbers, by `windows` from a time series; they
 * check what they are given.
 */
export interface Dataset {
  /**
   * Numbers of all examples, [N * product of the shape], the last index running fastest. Bytes stand for
   * brightness in [0, 1] in steps of 1/255.
   */
  readonly inputs: Float32Array | Float64Array | Uint8Array;
  /** Shape of one example; the last size counts channels, or the columns of a table. */
  readonly shape: DataShape;
  /** Labels in [0, classes), [N], or numbers to predict, [N * numbers of an example]. */
  readonly targets: Labels | Float32Array | Float64Array;
  /** Number of classes; absent where targets are numbers. */
  readonly classes?: number;
  /** How much each example counts, [N]; made by `weighted`. @default {all alike} */
  readonly weights?: Float64Array;
  /** Where the examples come from, for messages and reports. */
  readonly source: string;
  /** What batches make of inputs, per channel or column. @default {nothing} */
  readonly normalization?: Normalization;
  /** What batches make of targets that are numbers. @default {nothing} */
  readonly targetNormalization?: Normalization;
}

/** Labelled images: a data set whose inputs are also called images, and its targets labels. */
export interface ImageDataset extends Dataset {
  /**
   * The inputs. Brightness, channels-last, [N * height * width * channels]: numbers in [0, 1], or bytes,
   * which stand for the same in steps of 1/255 and take a quarter of the memory.
   */
  readonly images: Float32Array | Uint8Array;
  /** The targets. One label per image, in [0, classes), [N]. */
  readonly labels: Labels;
  /** Shape of one image. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Number of classes, in [1, 65536]. */
  readonly classes: number;
}

/** What {@linkcode createDataset} makes a data set from. */
export type ImageFields = Pick<
  ImageDataset,
  "images" | "labels" | "shape" | "classes" | "source" | "normalization"
>;

/** A data set to learn from and one to be judged by. */
export interface DatasetSplit<D extends Dataset = Dataset> {
  /** Examples to learn from. */
  readonly train: D;
  /** Examples held back. */
  readonly test: D;
}

/**
 * Checks that images and labels belong together. The arrays are kept, not copied.
 *
 * @returns The same fields, frozen, with `inputs` and `targets` for `images` and `labels`.
 * @throws {DataError} When there is no image, the sizes do not match, a label is out of range, a
 * pixel is not in [0, 1], or the normalization does not fit.
 *
 * @example Your own images
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { createDataset, examplesIn, inputSize, splitDataset, subset, targetSize } from "@tekfac/tekfac/data";
 *
 * const dataset = createDataset({
 *   images: new Uint8Array(10 * 4 * 4).fill(128),
 *   labels: Uint8Array.from({ length: 10 }, (_, i) => i % 2),
 *   shape: [4, 4, 1],
 *   classes: 2,
 *   source: "gray squares",
 * });
 * assert.deepEqual([inputSize(dataset), targetSize(dataset)], [16, 1]);
 * const { train, test } = splitDataset(dataset, { testShare: 0.2, seed: 1 });
 * assert.deepEqual([examplesIn(train), examplesIn(test)], [8, 2]);
 * assert.deepEqual([...subset(dataset, [1, 1, 0]).labels], [1, 1, 0]);
 * ```
 */
export function createDataset(fields: ImageFields): ImageDataset {
  const { images, labels, shape, classes, source, normalization } = fields;
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
  checkLabels(source, labels, classes, "image");
  if (images instanceof Float32Array) checkPixels(images, size, source);
  if (normalization !== undefined) checkNormalization(source, normalization, shape[2]);
  return Object.freeze({
    ...{ inputs: images, images, targets: labels, labels, shape, classes, source },
    ...(normalization === undefined ? {} : { normalization }),
  });
}

/**
 * Returns normally when all labels are those of classes.
 *
 * @param noun What has a label, for the message.
 * @throws {DataError} When one is not, or there are not 1 to 65536 classes.
 */
export function checkLabels(
  source: string,
  labels: ArrayLike<number>,
  classes: number,
  noun: string,
): void {
  if (!(Number.isInteger(classes) && classes >= 1 && classes <= MOST_CLASSES)) {
    throw new DataError(source, `expected 1 to ${MOST_CLASSES} classes, received ${classes}`);
  }
  for (let n = 0; n < labels.length; n++) {
    const label = labels[n];
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new DataError(
      source,
      `expected labels in [0, ${classes - 1}], received ${label} for ${noun} ${n}`,
    );
  }
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

/** Number of examples of a data set, N. */
export function examplesIn(dataset: Dataset): number {
  return dataset.inputs.length / inputSize(dataset);
}

/** Numbers of one example's inputs: the product of the shape. */
export function inputSize({ shape }: Pick<Dataset, "shape">): number {
  return shape.length === 1 ? shape[0] : shape[0] * shape[1] * shape[2];
}

/** Numbers of one example's targets; 1 where they are labels. */
export function targetSize(dataset: Dataset): number {
  return dataset.targets.length / examplesIn(dataset);
}

/** What the last size of the shape counts: an image's channels, a table's columns. */
export function channelsOf({ shape }: Pick<Dataset, "shape">): number {
  return shape.length === 1 ? shape[0] : shape[2];
}
