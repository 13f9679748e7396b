/**
 * MNIST's layout of files in a directory.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { createDataset, type DatasetSplit, type ImageDataset } from "./dataset.ts";
import { fileNames, readFile } from "./files.ts";
import { parseIdx } from "./idx.ts";
import { labelsOf } from "./labels.ts";
import { splitDataset } from "./split.ts";

/** Seed of the permutation that splits a lone test set: the same for everyone, to compare results. */
const SPLIT_SEED = 0;
const TEST_SHARE = 0.2;

/**
 * The names of IDX files: `train-images-idx3-ubyte` and its relatives, with the name of the data set before
 * it as EMNIST and QMNIST have it.
 */
const NAME = /^(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[1-4]-[a-z0-9]+(?:\.gz)?$/;

/** Whether a file has the name of an IDX file. */
export function isIdxName(name: string): boolean {
  return NAME.test(name);
}

/** Files of one data set by part and noun. */
type Parts = Partial<Record<`${"train" | "test"} ${"images" | "labels"}`, string>>;

/**
 * Reads MNIST, Fashion-MNIST, EMNIST, QMNIST or anything in their layout: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or with
 * the ending `.gz`, with `-idx` or `.idx` in the name, `test` for `t10k`, or a name in front as in
 * `emnist-letters-train-images-idx3-ubyte.gz`. Both parts get the same number of classes: ten, or one more
 * than the largest label.
 *
 * A directory with the test files alone is split by a fixed permutation: four fifths to learn from,
 * one fifth held back. Needs Deno and the permission to read the directory.
 *
 * @param directory Path of the directory.
 * @throws {DataError} When the directory or a file is missing, a file is not what its name says, or the
 * files belong to several data sets.
 *
 * @example A directory without data is an error that names it
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { readIdxDirectory } from "@tekfac/tekfac/data";
 * import { DataError } from "@tekfac/tekfac/core";
 *
 * await assert.rejects(() => readIdxDirectory("no/such/directory"), DataError);
 * ```
 */
export async function readIdxDirectory(directory: string): Promise<DatasetSplit<ImageDataset>> {
  const parts = partsOf(directory, await fileNames(directory, "IDX files"));
  const test = await readPart(directory, parts, "test");
  const train = await readPart(directory, parts, "train");
  if (test === undefined) {
    throw new DataError(
      directory,
      "expected t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (plain or .gz, with or without " +
        `the train files), received ${train === undefined ? "neither" : "the train files alone"}`,
    );
  }
  if (train === undefined) return splitDataset(test, { testShare: TEST_SHARE, seed: SPLIT_SEED });
  if (train.shape.join() !== test.shape.join()) {
    throw new DataError(
      directory,
      `expected test images of ${train.shape.join(" x ")} like the training images, received ` +
        test.shape.join(" x "),
    );
  }
  const classes = Math.max(train.classes, test.classes);
  const alike = (part: ImageDataset) =>
    createDataset({ ...part, classes, labels: labelsOf(part.labels, classes) });
  return { train: alike(train), test: alike(test) };
}

/** The files of the one data set in a directory; of a file that is there twice, the plain one. */
function partsOf(directory: string, names: ReadonlySet<string>): Parts {
  const sets = new Map<string, Parts>();
  for (const name of [...names].sort().reverse()) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, set = "", part, noun] = match;
    const parts = sets.get(set) ?? {};
    parts[`${part === "train" ? "train" : "test"} ${noun as "images" | "labels"}`] = name;
    sets.set(set, parts);
  }
  if (sets.size > 1) {
    const titles = [...sets.keys()].map((set) => set || "MNIST's names").sort().join(", ");
    throw new DataError(
      directory,
      `expected the files of one data set, received those of several: ${titles}`,
    );
  }
  return [...sets.values()][0] ?? {};
}

/** Images and labels of one part, `undefined` when neither is there. */
async function readPart(
  directory: string,
  parts: Parts,
  part: "train" | "test",
): Promise<ImageDataset | undefined> {
  const images = parts[`${part} images`];
  const labels = parts[`${part} labels`];
  if (images === undefined && labels === undefined) return undefined;
  if (images === undefined || labels === undefined) {
    const missing = images === undefined
      ? labels!.replace(/labels([-.])idx.*$/, "images$1idx3-ubyte")
      : images.replace(/images([-.])idx.*$/, "labels$1idx1-ubyte");
    throw new DataError(
      directory,
      `expected ${missing} (plain or .gz) beside ${images ?? labels}, received no such file`,
    );
  }
  const dataset = await parseIdx(
    await readFile(directory, images),
    await readFile(directory, labels),
  );
  return { ...dataset, source: directory };
}
