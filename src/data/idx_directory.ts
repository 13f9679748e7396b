/**
 * MNIST's layout of files in a directory.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { type Dataset, type DatasetSplit, split } from "./dataset.ts";
import { fileNames, readFile } from "./files.ts";
import { parseIdx } from "./idx.ts";

/** Seed of the permutation that splits a lone test set: the same for everyone, to compare results. */
const SPLIT_SEED = 0;
const TEST_SHARE = 0.2;

/**
 * Reads MNIST, Fashion-MNIST or anything in their layout: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or with
 * the ending `.gz`, with `-idx` or `.idx` in the name.
 *
 * A directory with the t10k files alone is split by a fixed permutation: four fifths to learn from,
 * one fifth held back. Needs Deno and the permission to read the directory.
 *
 * @param directory Path of the directory.
 * @throws {DataError} When the directory or a file is missing, or a file is not what its name says.
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
export async function readIdxDirectory(directory: string): Promise<DatasetSplit> {
  const names = await fileNames(directory, "IDX files");
  const test = await readPart(directory, names, "t10k");
  const train = await readPart(directory, names, "train");
  if (test === undefined) {
    throw new DataError(
      directory,
      "expected t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (plain or .gz, with or without " +
        `the train files), received ${train === undefined ? "neither" : "the train files alone"}`,
    );
  }
  if (train === undefined) return split(test, { testShare: TEST_SHARE, seed: SPLIT_SEED });
  if (train.shape.join() !== test.shape.join()) {
    throw new DataError(
      directory,
      `expected test images of ${train.shape.join(" x ")} like the training images, received ` +
        test.shape.join(" x "),
    );
  }
  return { train, test };
}

/** Images and labels of one part, `undefined` when neither is there. */
async function readPart(
  directory: string,
  names: Set<string>,
  part: "train" | "t10k",
): Promise<Dataset | undefined> {
  const find = (noun: string, dimensions: number) =>
    ["-", "."].flatMap((mark) =>
      ["", ".gz"].map((end) => `${part}-${noun}${mark}idx${dimensions}-ubyte${end}`)
    ).find((name) => names.has(name));
  const images = find("images", 3);
  const labels = find("labels", 1);
  if (images === undefined && labels === undefined) return undefined;
  if (images === undefined || labels === undefined) {
    const missing = images === undefined
      ? `${part}-images-idx3-ubyte`
      : `${part}-labels-idx1-ubyte`;
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
