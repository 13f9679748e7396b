/**
 * The data of a command.
 *
 * @module
 */

import type { DatasetSplit } from "../data/dataset.ts";
import { glyphs } from "../data/glyphs.ts";
import { readIdxDirectory } from "../data/idx_directory.ts";

/** Reads a directory, or draws digits; the same ones in every run, so that results can be compared. */
export async function loadData(directory: string | undefined): Promise<DatasetSplit> {
  return directory === undefined ? glyphs() : await readIdxDirectory(directory);
}
