/**
 * The IDX format of MNIST and its relatives, from bytes to a data set. Nothing here touches a file
 * system; {@linkcode readIdxDirectory} does.
 *
 * A file is `00 00 type dimensions`, then one big-endian 32-bit size per dimension, then the numbers.
 * Type 08 is unsigned bytes, the only one that images and labels come in.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { createDataset, type Dataset } from "./dataset.ts";

/** Bytes together with the name they go by in messages. */
export interface NamedBytes {
  /** Where the bytes come from. */
  readonly name: string;
  /** The content, plain or compressed by gzip. */
  readonly bytes: Uint8Array;
}

/** What is expected of an IDX file. */
interface Layout {
  readonly noun: "images" | "labels";
  readonly dimensions: number;
}

const IMAGES: Layout = { noun: "images", dimensions: 3 };
const LABELS: Layout = { noun: "labels", dimensions: 1 };
const UNSIGNED_BYTE = 0x08;
const CLASSES = 10;

/**
 * Reads grey images and their labels.
 *
 * @param images IDX of unsigned bytes [N, height, width], plain or gzip.
 * @param labels IDX of unsigned bytes [N] in [0, 9], plain or gzip.
 * @returns The images as bytes, with ten classes.
 * @throws {DataError} When a file is truncated, damaged, too long, empty or of another type, when
 * there are not as many labels as images, or a label is above 9.
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
export async function parseIdx(images: NamedBytes, labels: NamedBytes): Promise<Dataset> {
  const pixels = parse(images.name, await inflated(images), IMAGES);
  const marks = parse(labels.name, await inflated(labels), LABELS);
  const [count, height, width] = pixels.sizes;
  if (marks.sizes[0] !== count) {
    throw new DataError(
      labels.name,
      `expected ${count} labels, one for each image, received ${marks.sizes[0]}`,
    );
  }
  const wrong = marks.data.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) {
    throw new DataError(
      labels.name,
      `expected labels in [0, ${CLASSES - 1}], received ${marks.data[wrong]} for image ${wrong}`,
    );
  }
  return createDataset({
    images: pixels.data.slice(),
    labels: marks.data.slice(),
    shape: [height, width, 1],
    classes: CLASSES,
    source: images.name,
  });
}

/** The sizes and numbers of one file. `data` is a view of `bytes`. */
function parse(
  source: string,
  bytes: Uint8Array,
  layout: Layout,
): { sizes: number[]; data: Uint8Array } {
  const { noun, dimensions } = layout;
  const header = 4 + 4 * dimensions;
  if (bytes.length < header) {
    throw new DataError(
      source,
      `expected an IDX file of ${noun} with a header of ${header} bytes, received ` +
        `${bytes.length} bytes in all`,
    );
  }
  const expected = [0, 0, UNSIGNED_BYTE, dimensions];
  if (expected.some((byte, i) => bytes[i] !== byte)) {
    throw new DataError(
      source,
      `expected an IDX file of ${noun}, which begins with ${hex(expected)}, received ` +
        `${hex(bytes.subarray(0, 4))}${guess(bytes, layout)}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count === 0) {
    throw new DataError(
      source,
      `expected at least one of its ${noun}, received ${sizes.join(" x ")}`,
    );
  }
  if (bytes.length !== header + count) {
    const fault = bytes.length < header + count ? "truncated" : "too long";
    throw new DataError(
      source,
      `expected ${header + count} bytes for ${noun} of ${sizes.join(" x ")}, received ` +
        `${bytes.length}, so the file is ${fault}`,
    );
  }
  return { sizes, data: bytes.subarray(header) };
}

function hex(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** The other kind of file, when that is what the bytes look like. */
function guess(bytes: Uint8Array, expected: Layout): string {
  if (bytes[0] !== 0 || bytes[1] !== 0) return "";
  if (bytes[2] !== UNSIGNED_BYTE) return " (numbers of another type than unsigned bytes)";
  const other = [IMAGES, LABELS].find(({ dimensions }) => dimensions === bytes[3]);
  return other === undefined || other === expected ? "" : ` (${other.noun})`;
}

/** The content, decompressed when it begins like a gzip stream. */
async function inflated({ name, bytes }: NamedBytes): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes.slice()]).stream();
    const plain = stream.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  } catch (cause) {
    throw new DataError(
      name,
      "expected a complete gzip file, received one that is truncated or damaged",
      { cause },
    );
  }
}
