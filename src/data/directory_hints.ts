/**
 * What to do when a directory holds data in a form, or at a place, that is not read.
 *
 * @module
 */

import { directoryNames, fileNames, pathOf } from "./files.ts";
import { isIdxName } from "./idx_directory.ts";

/** Files that are data all the same, and what to do about them. */
const ELSEWHERE: readonly { readonly is: (name: string) => boolean; readonly advice: string }[] = [
  {
    is: (name) => /^(data_batch_[1-5]|test_batch|batches\.meta)$/.test(name),
    advice: "these are CIFAR-10's files for Python: fetch its binary version, " +
      "cifar-10-binary.tar.gz, and unpack it",
  },
  {
    is: (name) => /^(train|test|meta)$/.test(name),
    advice: "these may be CIFAR-100's files for Python: fetch its binary version, " +
      "cifar-100-binary.tar.gz, and unpack it",
  },
  {
    is: (name) => /\.(tar\.gz|tgz|tar|zip)$/.test(name),
    advice: "unpack the archive first",
  },
  {
    is: (name) => /\.(parquet|npz|npy|arrow|h5|hdf5|pkl)$/.test(name),
    advice: "arrays of another format: write them as IDX files",
  },
];
/** How deep directories are searched: `MNIST/raw` is two below. */
const DEPTH = 2;
/** Directories that are looked into, so that a hint costs no search of a disk. */
const MOST = 100;

/** Advice in parentheses, with a space before it; nothing where there is none to give. */
export async function fileHint(directory: string, names: ReadonlySet<string>): Promise<string> {
  const place = await below(directory);
  if (place !== undefined) return ` (did you mean '${place}'?)`;
  for (const { is, advice } of ELSEWHERE) {
    const name = [...names].sort().find(is);
    if (name !== undefined) return ` (there is ${name}; ${advice})`;
  }
  return "";
}

/** A directory below with data that can be read. */
async function below(directory: string): Promise<string | undefined> {
  let level = [directory];
  for (let depth = 0; depth < DEPTH; depth++) {
    const next: string[] = [];
    for (const place of level) {
      for (const name of await directoryNames(place)) next.push(pathOf(place, name));
    }
    level = next.slice(0, MOST);
    for (const place of level) {
      const names = await fileNames(place, "data").catch(() => new Set<string>());
      if ([...names].some(isReadable)) return place;
    }
  }
  return undefined;
}

function isReadable(name: string): boolean {
  return isIdxName(name) || /^(data_batch_[1-5]|test_batch|train|test)\.bin$/.test(name) ||
    /^(train|test)_32x32\.mat$/.test(name);
}
