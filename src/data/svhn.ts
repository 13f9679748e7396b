/**
 * SVHN, the street view house numbers (Netzer et al. 2011), cropped digits: from a `.mat` file to a data
 * set.
 *
 * The file holds `X`, bytes of [height, width, 3, N] with the first index running fastest, and `y`, labels
 * from 1 to 10, where 10 stands for the digit 0.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { allocated } from "./byte_reader.ts";
import { createDataset, type ImageDataset } from "./dataset.ts";
import type { NamedFile } from "./files.ts";
import { eachMatVariable, matNumbers, type MatVariable } from "./mat.ts";
import { channelsLast } from "./planes.ts";

const CHANNELS = 3;
const CLASSES = 10;
/** Bytes of images that are read at a time. */
const AT_ONCE = 1 << 18;

/**
 * Reads a file of SVHN's cropped digits, `train_32x32.mat`, `test_32x32.mat` or `extra_32x32.mat`. It is
 * inflated and brought into order as it is read, so that little more than the data set is ever held.
 *
 * @returns Colour images whose labels are the digits.
 * @throws {DataError} When the file is truncated, damaged or of another format, lacks `X` or `y`, has not
 * as many labels as images, or a label outside 1 to 10.
 *
 * @example A file that cannot be one is an error that names it
 * ```ts
 * import assert from "node:assert/strict";
 * import { readSvhn } from "@tekfac/tekfac/data";
 *
 * const truncated = {
 *   name: "train_32x32.mat",
 *   size: 100,
 *   stream: () => new Blob([new Uint8Array(100)]).stream(),
 * };
 * await assert.rejects(readSvhn(truncated), /train_32x32.mat/);
 * ```
 */
export async function readSvhn(file: NamedFile): Promise<ImageDataset> {
  const source = file.name;
  let pictures: { images: Uint8Array; shape: ImageDataset["shape"]; count: number } | undefined;
  let labels: Uint8Array | undefined;
  await eachMatVariable(file, {
    wants: (name) => name === "X" || name === "y",
    async visit(variable) {
      if (variable.name === "X") pictures = await readImages(source, variable);
      else labels = await readLabels(source, variable);
    },
  });
  if (pictures === undefined || labels === undefined) {
    const missing = pictures === undefined ? "X" : "y";
    throw new DataError(
      source,
      `expected SVHN's arrays X (images) and y (labels), received none called ${missing}`,
    );
  }
  const { images, shape, count } = pictures;
  if (labels.length !== count) {
    throw new DataError(
      source,
      `expected ${count} labels, one for each image, received ${labels.length}`,
    );
  }
  return createDataset({ images, labels, shape, classes: CLASSES, source });
}

async function readImages(
  source: string,
  { sizes, numbers, reader }: MatVariable,
): Promise<{ images: Uint8Array; shape: ImageDataset["shape"]; count: number }> {
  // MATLAB drops a last size of 1.
  const [height, width, channels, count = 1] = sizes;
  if (numbers !== "uint8" || channels !== CHANNELS || sizes.length > 4) {
    throw new DataError(
      source,
      `expected X to be bytes of height x width x 3 x images, received ${numbers} of ` +
        sizes.join(" x "),
    );
  }
  const shape = [height, width, channels] as const;
  const pixels = height * width * channels;
  const strides = { row: 1, column: height, channel: height * width };
  const images = allocated(source, count * pixels, "images");
  const atOnce = Math.max(1, Math.floor(AT_ONCE / pixels));
  for (let first = 0; first < count; first += atOnce) {
    const now = Math.min(atOnce, count - first);
    const bytes = await reader.take(now * pixels, "images");
    for (let i = 0; i < now; i++) {
      const planes = bytes.subarray(i * pixels, (i + 1) * pixels);
      channelsLast(images, (first + i) * pixels, planes, shape, strides);
    }
  }
  return { images, shape, count };
}

async function readLabels(source: string, variable: MatVariable): Promise<Uint8Array> {
  const marks = await matNumbers(variable);
  const wrong = marks.findIndex((mark) =>
    !(Number.isInteger(mark) && mark >= 1 && mark <= CLASSES)
  );
  if (wrong >= 0) {
    throw new DataError(
      source,
      `expected SVHN's labels in [1, ${CLASSES}], received ${marks[wrong]} for image ${wrong}`,
    );
  }
  return Uint8Array.from(marks, (mark) => mark % CLASSES);
}
