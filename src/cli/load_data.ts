/**
 * The data of a command.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { DatasetSplit } from "../data/dataset.ts";
import { readDirectory } from "../data/directory.ts";
import { glyphs } from "../data/glyphs.ts";

/** Which data a command was asked for. */
export interface DataChoice {
  /** Directory of files; `undefined` for drawn digits. */
  readonly data: string | undefined;
  /** Which of CIFAR-100's labels count. */
  readonly labels: "fine" | "coarse" | undefined;
}

/**
 * Reads a directory, or draws digits; the same ones in every run, so that results can be compared.
 *
 * @param subject What was being done, for messages.
 */
export async function loadData(
  subject: string,
  { data, labels }: DataChoice,
): Promise<DatasetSplit> {
  if (data !== undefined) return await readDirectory(data, labels === undefined ? {} : { labels });
  if (labels === undefined) return glyphs();
  const expectation = "is a choice for CIFAR-100 only, and needs --data DIR";
  throw new OptionError(subject, "--labels", expectation, labels);
}
