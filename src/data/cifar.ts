/**
 * CIFAR-10 and CIFAR-100 in their binary form (Krizhevsky 2009), from files to a data set.
 *
 * A file is a row of records of one length: the label (of CIFAR-100 the coarse label and then the fine
 * one), a byte each, then a colour image of 32 x 32 pixels as three planes, red, green, blue, each row by
 * row.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { allocated, ByteReader } from "./byte_reader.ts";
import { streamSource } from "./byte_source.ts";
import { createDataset, type ImageDataset } from "./dataset.ts";
import type { NamedFile } from "./files.ts";
import { channelsLast } from "./planes.ts";

/** What a CIFAR file's labels are. */
export type CifarLabels =
  /** The ten classes of CIFAR-10. */
  | "cifar10"
  /** The hundred classes of CIFAR-100. */
  | "fine"
  /** The twenty superclasses of CIFAR-100. */
  | "coarse";

/** Number of label bytes of a record, which of them counts, and how many classes it tells apart. */
const RECORDS = {
  cifar10: { name: "CIFAR-10", labels: 1, place: 0, classes: 10 },
  coarse: { name: "CIFAR-100", labels: 2, place: 0, classes: 20 },
  fine: { name: "CIFAR-100", labels: 2, place: 1, classes: 100 },
} as const;

const SIDE = 32;
const CHANNELS = 3;
const PIXELS = SIDE * SIDE * CHANNELS;
const STRIDES = { row: SIDE, column: 1, channel: SIDE * SIDE };
/** Records that are read at a time. */
const AT_ONCE = 64;

/**
 * Reads files of CIFAR-10 or CIFAR-100, one after the other, into one data set.
 *
 * Besides the data set itself, a byte per number, no more than a few hundred kilobytes are held.
 *
 * @param files The files in their order, at least one: `data_batch_1.bin` to `data_batch_5.bin`, or
 * `train.bin`. They may hold any number of records.
 * @param labels Which of the two data sets, and which labels of it.
 * @throws {DataError} When a file is empty, is not a whole number of records long, or has a label beyond
 * the number of classes.
 *
 * @example A file that cannot be one is an error that names it
 * ```ts
 * import assert from "node:assert/strict";
 * import { readCifar } from "@tekfac/tekfac/data";
 *
 * const truncated = {
 *   name: "data_batch_1.bin",
 *   size: 100,
 *   stream: () => new Blob([new Uint8Array(100)]).stream(),
 * };
 * await assert.rejects(readCifar([truncated], "cifar10"), /data_batch_1.bin/);
 * ```
 */
export async function readCifar(
  files: readonly NamedFile[],
  labels: CifarLabels,
): Promise<ImageDataset> {
  const { classes } = RECORDS[labels];
  const counts = files.map((file) => recordsIn(file, labels));
  const count = counts.reduce((sum, records) => sum + records, 0);
  const images = allocated(files[0]?.name ?? "CIFAR", count * PIXELS, "images");
  const marks = new Uint8Array(count);
  let first = 0;
  for (const [i, file] of files.entries()) {
    await readRecords(file, labels, images, marks, first, first + counts[i]);
    first += counts[i];
  }
  const source = files[0]?.name ?? "CIFAR";
  return createDataset({ images, labels: marks, shape: [SIDE, SIDE, CHANNELS], classes, source });
}

function recordsIn({ name: source, size }: NamedFile, labels: CifarLabels): number {
  const { name, labels: marks } = RECORDS[labels];
  const record = marks + PIXELS;
  if (size > 0 && size % record === 0) return size / record;
  const other = marks === 1 ? RECORDS.fine : RECORDS.cifar10;
  const hint = size === 0
    ? ""
    : size % (other.labels + PIXELS) === 0
    ? ` (a length of ${other.name})`
    : ", so the file is truncated or of another format";
  throw new DataError(
    source,
    `expected ${name} records of ${record} bytes each, received ${size} bytes${hint}`,
  );
}

/** Reads the records `first` up to `end` of the data set, all of a file. */
async function readRecords(
  file: NamedFile,
  kind: CifarLabels,
  images: Uint8Array,
  labels: Uint8Array,
  first: number,
  end: number,
): Promise<void> {
  const { name, labels: marks, place, classes } = RECORDS[kind];
  const record = marks + PIXELS;
  const source = file.name;
  const reader = new ByteReader(source, streamSource(file.stream()));
  try {
    for (let next = first; next < end;) {
      const count = Math.min(AT_ONCE, end - next);
      const bytes = await reader.take(count * record, `${name} records`);
      for (let i = 0; i < count; i++, next++) {
        const label = bytes[i * record + place];
        if (label >= classes) {
          throw new DataError(
            source,
            `expected ${name} labels in [0, ${classes - 1}], received ${label} for image ` +
              `${next - first}`,
          );
        }
        labels[next] = label;
        const planes = bytes.subarray(i * record + marks, (i + 1) * record);
        channelsLast(images, next * PIXELS, planes, [SIDE, SIDE, CHANNELS], STRIDES);
      }
    }
  } finally {
    await reader.close();
  }
}
