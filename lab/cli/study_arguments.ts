/**
 * Arguments that several studies take, and what they name.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import { parseCsv } from "@tekfac/tekfac/csv";
import { type Table, table } from "@tekfac/tekfac/data";
import { loadData } from "../../src/cli/mod.ts";

/** An integer from `min` on. */
export const integer = (min: number, help: string): {
  readonly kind: "integer";
  readonly range: { readonly min: number; readonly max: number };
  readonly help: string;
} => ({ kind: "integer", range: { min, max: 1_000_000 }, help });

/** A directory of images. */
export const imagesArgument = {
  kind: "text",
  placeholder: "DIR",
  help: "directory of images (default: drawn digits)",
} as const;

/** How many of them are learned from. */
export const limitArgument = integer(10, "images that are learned from (default: all)");

/** A file of CSV. */
export const tableArgument = {
  kind: "text",
  placeholder: "FILE",
  help: "CSV with a column y, in the place of images",
} as const;

/** The images of {@linkcode imagesArgument}, as they are. */
export function readImages(
  command: string,
  { data, limit }: { readonly data?: string | undefined; readonly limit?: number | undefined },
): ReturnType<typeof loadData> {
  return loadData(`Cannot run '${command}'`, {
    ...{ data, limit },
    ...{ labels: undefined, augment: "none" },
  });
}

/**
 * The table in a file.
 *
 * @param targets The column of what is predicted.
 * @throws {DataError} When there is no such file, or it cannot be read.
 */
export async function readTable(file: string, targets = "y"): Promise<Table> {
  const text = await Deno.readTextFile(file).catch((cause) => {
    throw new DataError(file, "expected a file of CSV", { cause });
  });
  return table({ ...parseCsv(text, { targets, source: file }), source: file });
}
