/**
 * A directory of files in any format that the library knows.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { readCifar } from "./cifar.ts";
import type { DatasetSplit, ImageDataset } from "./dataset.ts";
import { fileHint } from "./directory_hints.ts";
import { fileNames, openFile } from "./files.ts";
import { isIdxName, readIdxDirectory } from "./idx_directory.ts";
import { readSvhn } from "./svhn.ts";

/** A format in which a directory can hold a data set. */
export type DataFormat = "idx" | "cifar10" | "cifar100" | "svhn";

/** What a directory was found to hold. */
export interface DirectoryData extends DatasetSplit<ImageDataset> {
  /** The format of its files. */
  readonly format: DataFormat;
}

/** Options of {@linkcode readDirectory}. */
export interface DirectoryOptions {
  /** Which of CIFAR-100's labels count: 100 fine or 20 coarse ones. @default {"fine"} */
  readonly labels?: "fine" | "coarse";
}

const CIFAR10 = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);

/** Files to learn from and to be judged by. IDX files have many spellings, so one sign must do. */
const FORMATS: readonly {
  readonly format: DataFormat;
  readonly title: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
}[] = [
  { format: "cifar10", title: "CIFAR-10", train: CIFAR10, test: ["test_batch.bin"] },
  { format: "cifar100", title: "CIFAR-100", train: ["train.bin"], test: ["test.bin"] },
  { format: "svhn", title: "SVHN", train: ["train_32x32.mat"], test: ["test_32x32.mat"] },
];
const KNOWN =
  "IDX files in MNIST's layout, CIFAR-10 or CIFAR-100 in binary form, or SVHN's .mat files";

/**
 * Finds out by the names of its files what a directory holds, and reads it:
 *
 * - MNIST and its relatives, see {@linkcode readIdxDirectory};
 * - CIFAR-10, `data_batch_1.bin` to `data_batch_5.bin`, or some of them, and `test_batch.bin`;
 * - CIFAR-100, `train.bin` and `test.bin`;
 * - SVHN, `train_32x32.mat` and `test_32x32.mat`.
 *
 * Images are kept as bytes. Needs Deno and the permission to read the directory; elsewhere
 * {@linkcode readCifar}, {@linkcode readSvhn} and `parseIdx` read files one by one.
 *
 * @param directory Path of the directory.
 * @throws {DataError} When the directory holds none of these, several of them, or no part to learn from
 * or to be judged by, or a file is not what its name says. Where what is there is nearly what is needed
 * (a directory above, another form of the same data), the message says so.
 * @throws {OptionError} When `labels` is given and the directory does not hold CIFAR-100.
 *
 * @example A directory without data is an error that names it
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { readDirectory } from "@tekfac/tekfac/data";
 * import { DataError } from "@tekfac/tekfac/core";
 *
 * await assert.rejects(() => readDirectory("no/such/directory"), DataError);
 * ```
 */
export async function readDirectory(
  directory: string,
  options: DirectoryOptions = {},
): Promise<DirectoryData> {
  const names = await fileNames(directory, KNOWN);
  const found = FORMATS.filter(({ train, test }) => [...train, ...test].some((n) => names.has(n)));
  const hasIdx = [...names].some(isIdxName);
  const titles = [...(hasIdx ? ["IDX files"] : []), ...found.map(({ title }) => title)];
  if (titles.length !== 1) {
    throw new DataError(
      directory,
      titles.length === 0
        ? `expected a directory with ${KNOWN}, received none of these` +
          await fileHint(directory, names)
        : `expected a directory with one data set, received files of ${titles.join(" and ")}`,
    );
  }
  const { labels } = options;
  const format = found[0]?.format ?? "idx";
  if (labels !== undefined && format !== "cifar100") {
    const expectation = `is a choice for CIFAR-100 only, and '${directory}' holds ${titles[0]}`;
    throw new OptionError("Cannot read data", "labels", expectation, labels);
  }
  if (format === "idx") return { format, ...await readIdxDirectory(directory) };
  checkComplete(directory, names, found[0]);
  const read = async (part: "train" | "test"): Promise<ImageDataset> => {
    const present = found[0][part].filter((name) => names.has(name));
    const files = await Promise.all(present.map((name) => openFile(directory, name)));
    const dataset = format === "svhn"
      ? await readSvhn(files[0])
      : await readCifar(files, format === "cifar10" ? format : labels ?? "fine");
    return { ...dataset, source: directory };
  };
  return { format, train: await read("train"), test: await read("test") };
}

function checkComplete(
  directory: string,
  names: ReadonlySet<string>,
  { title, train, test }: (typeof FORMATS)[number],
): void {
  const missing = [train, test].filter((part) => !part.some((name) => names.has(name)));
  if (missing.length === 0) return;
  throw new DataError(
    directory,
    `expected files of ${title} to learn from and to be judged by, received a directory without ` +
      missing.map((part) => part.join(", ")).join(" and "),
  );
}
