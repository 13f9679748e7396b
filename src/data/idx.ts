/**
 * The IDX format of MNIST and its relatives, from bytes to a data set. Nothing here touches a file
 * system; {@linkcode readIdxDirectory} does.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { createDataset, type ImageDataset } from "./dataset.ts";
import { type IdxNumbers, type NamedBytes, readIdx } from "./idx_file.ts";
import { type Labels, labelsOf, MOST_CLASSES } from "./labels.ts";

export type { NamedBytes } from "./idx_file.ts";

/** Options of {@linkcode parseIdx}. */
export interface IdxOptions {
  /** Number of classes, in [1, 65536]. @default {one more than the largest label, at least 10} */
  readonly classes?: number;
}

/** Columns of QMNIST's labels; the first is the class, the others tell who wrote the digit. */
const QMNIST_COLUMNS = 8;

/**
 * Reads images and their labels: MNIST, Fashion-MNIST, EMNIST, QMNIST and anything in their layout. EMNIST's
 * images are stored with rows and columns exchanged, and stay so.
 *
 * @param images IDX of [N, height, width] or [N, height, width, channels], plain or gzip: bytes, or integers
 * in [0, 255] of any other type, or floating-point brightness in [0, 1].
 * @param labels IDX of integers in [0, 65535] of any type, [N] or, as QMNIST has them, [N, 8] with the
 * class in the first column; plain or gzip.
 * @param options The number of classes, where labels may be missing that exist elsewhere.
 * @returns The images, as bytes unless they are floating-point numbers.
 * @throws {DataError} When a file is truncated, damaged, too long, empty or of another type, when
 * there are not as many labels as images, or a label or a pixel is out of range.
 * @throws {OptionError} When `classes` is out of range.
 *
 * @example Two images of 1 x 2 pixels
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { parseIdx } from "@tekfac/tekfac/data";
 *
 * const header = (type: number, ...sizes: number[]) => [
 *   ...[0, 0, 8, type],
 *   ...sizes.flatMap((size) => [0, 0, 0, size]),
 * ];
 * const dataset = await parseIdx(
 *   { name: "images", bytes: Uint8Array.of(...header(3, 2, 1, 2), 0, 255, 255, 0) },
 *   { name: "labels", bytes: Uint8Array.of(...header(1, 2), 1, 0) },
 * );
 * assert.deepEqual(dataset.shape, [1, 2, 1]);
 * assert.deepEqual([...dataset.labels], [1, 0]);
 * ```
 */
export async function parseIdx(
  images: NamedBytes,
  labels: NamedBytes,
  options: IdxOptions = {},
): Promise<ImageDataset> {
  checkKnownKeys("Cannot read IDX files", options, ["classes"]);
  const range = { min: 1, max: MOST_CLASSES, integer: true };
  const wanted = options.classes === undefined
    ? undefined
    : checkNumber("Cannot read IDX files", "classes", options.classes, range);
  const pixels = await readIdx(images, { noun: "images", dimensions: [3, 4] });
  const marks = classesOf(
    labels.name,
    await readIdx(labels, { noun: "labels", dimensions: [1, 2] }),
    wanted,
  );
  const [count, height, width, channels = 1] = pixels.sizes;
  if (marks.labels.length !== count) {
    throw new DataError(
      labels.name,
      `expected ${count} labels, one for each image, received ${marks.labels.length}`,
    );
  }
  return createDataset({
    images: brightness(images.name, pixels),
    ...marks,
    shape: [height, width, channels],
    source: images.name,
  });
}

/** Labels, and the number of classes where it was not told. */
function classesOf(
  name: string,
  { sizes: [count, columns = 1], data }: IdxNumbers,
  classes: number | undefined,
): { labels: Labels; classes: number } {
  if (columns !== 1 && columns !== QMNIST_COLUMNS) {
    throw new DataError(
      name,
      `expected a label for each image, or QMNIST's ${QMNIST_COLUMNS} columns, received ${columns}`,
    );
  }
  const bound = classes ?? MOST_CLASSES;
  const numbers = Float64Array.from({ length: count }, (_, n) => data[n * columns]);
  let largest = 9; // MNIST has ten classes, even where a part of it does not show them all
  for (const [n, label] of numbers.entries()) {
    if (!(Number.isInteger(label) && label >= 0 && label < bound)) {
      throw new DataError(
        name,
        `expected labels in [0, ${bound - 1}], received ${label} for image ${n}`,
      );
    }
    if (label > largest) largest = label;
  }
  const known = classes ?? largest + 1;
  return { labels: labelsOf(numbers, known), classes: known };
}

/** Brightness in [0, 1], or bytes that stand for it. */
function brightness(name: string, { sizes, data }: IdxNumbers): Uint8Array | Float32Array {
  if (data instanceof Uint8Array || data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  const wrong = data.findIndex((pixel) => pixel < 0 || pixel > 255);
  if (wrong < 0) return Uint8Array.from(data);
  const size = data.length / sizes[0];
  throw new DataError(
    name,
    `expected pixels in [0, 255], received ${data[wrong]} in image ${Math.floor(wrong / size)}`,
  );
}
