/**
 * From a file's bytes to columns.
 *
 * @module
 */

import { parquetMetadata, parquetRead, parquetSchema } from "npm:hyparquet@1.33.0";
import { DataError } from "../../core/errors.ts";
import { checkChoice, checkKnownKeys } from "../../core/options.ts";
import type { Cell } from "../../data/columns.ts";

/** Makes the plain bytes of a page, of a known number, from compressed ones. */
export type Decompress = (compressed: Uint8Array, size: number) => Uint8Array;

/** Options of {@linkcode parseParquet}. */
export interface ParquetOptions {
  /** Names of the columns that shall be predicted. */
  readonly targets: string | readonly string[];
  /** Names of the columns to predict from. @default {all others} */
  readonly inputs?: readonly string[];
  /**
   * What undoes compression, by codec, as the package `hyparquet-compressors` has it: GZIP, ZSTD, BROTLI, LZ4. What is
   * not compressed, and what Snappy has compressed (as most do), takes none.
   */
  readonly compressors?: Readonly<Record<string, Decompress>>;
  /** Where the bytes come from, for messages and reports. @default {"Parquet"} */
  readonly source?: string;
}

/** The columns of a file, as `table` takes them: `table(await parseParquet(...))`, with further options after a `...`. */
export interface ParquetTable {
  /** Cells of the inputs by name. */
  readonly inputs: Readonly<Record<string, readonly Cell[]>>;
  /** Cells of the targets by name. */
  readonly targets: Readonly<Record<string, readonly Cell[]>>;
  /** Where the bytes come from. */
  readonly source: string;
}

/**
 * Reads a Parquet file; of its columns only those that are asked for. Numbers, truth values and text are cells as they
 * stand; integers of 64 bits become numbers where those hold them exactly; what is null is missing.
 *
 * @param bytes The whole file.
 * @throws {DataError} When the bytes are no Parquet file, are cut short or spoilt, are compressed by what has not been
 * given, when there is no row, or a column holds dates, lists, records or bytes, or an integer beyond 2^53; names the
 * column and the first such row, counted from 0.
 * @throws {OptionError} When an option is unknown, or names no column.
 *
 * @example Two columns
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseParquet } from "@tekfac/tekfac/parquet";
 * import { table } from "@tekfac/tekfac/data";
 *
 * const text = "UEFSMRUAFUAVQCwVCBUAFQYVBhwAAAAAAAAAAADwPwAAAAAAAABAAAAAAAAACEAAAAAAAAAQQBUAFUAVQCwVCBUAFQYVBhwA" +
 *   "AAAAAAAAAADwPwAAAAAAABBAAAAAAAAAIkAAAAAAAAAwQBUEGTw1ABgGc2NoZW1hFQQAFQolABgBeAAVCiUAGAF5ABYIGRwZ" +
 *   "LCYAHBUKGSUGABkYAXgVABYIFmYWZiYISRwVABUAFQIAAAAmABwVChklBgAZGAF5FQAWCBZmFmYmbkkcFQAVABUCAAAAFswB" +
 *   "FggmCBbMAQAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjUuMC4xGSwcAAAcAAAAoQAAAFBBUjE=";
 * const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
 * const squares = table(await parseParquet(bytes, { targets: "y", source: "squares.parquet" }));
 * assert.deepEqual([...squares.targets], [1, 4, 9, 16]);
 * ```
 */
export async function parseParquet(
  bytes: ArrayBuffer | Uint8Array,
  options: ParquetOptions,
): Promise<ParquetTable> {
  const subject = "Cannot read Parquet";
  checkKnownKeys(subject, options, ["targets", "inputs", "compressors", "source"]);
  const { source = "Parquet", compressors = {} } = options;
  const file = bytes instanceof Uint8Array ? new Uint8Array(bytes).buffer : bytes;
  const reading = async <T>(read: () => T | Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (cause) {
      const codec = /compression codec: (\w+)/.exec(String(cause))?.[1];
      const problem = codec === undefined
        ? `expected a whole Parquet file, received what cannot be read (${
          cause instanceof Error ? cause.message : cause
        })`
        : `expected pages that Snappy or nothing has compressed, received ${codec} ` +
          "(give compressors, as the package hyparquet-compressors has them)";
      throw new DataError(source, problem, { cause });
    }
  };
  const { metadata, schema } = await reading(() => {
    const metadata = parquetMetadata(file);
    return { metadata, schema: parquetSchema(metadata).children };
  });
  const names = schema.map(({ element }) => element.name);
  const targets = typeof options.targets === "string" ? [options.targets] : options.targets;
  for (const name of targets) checkChoice(subject, "targets", name, names);
  const inputs = options.inputs ?? names.filter((name) => !targets.includes(name));
  for (const name of inputs) checkChoice(subject, "inputs", name, names);

  const rows = Number(metadata.num_rows);
  if (rows === 0) throw new DataError(source, "expected rows, received none");
  const wanted = [...new Set([...inputs, ...targets])];
  const cells = new Map(wanted.map((name) => [name, new Array<Cell>(rows).fill(null)]));
  await reading(() =>
    parquetRead({
      file,
      metadata,
      compressors,
      columns: wanted,
      utf8: false, // bytes are text where the file says so
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = cells.get(columnName)!;
        Array.from(columnData, (value, i) => column[rowStart + i] = value);
      },
    })
  );
  for (const [name, column] of cells) column.forEach((_, row) => narrow(source, name, column, row));
  const chosen = (columns: readonly string[]) =>
    Object.fromEntries(columns.map((name) => [name, cells.get(name)!]));
  return { inputs: chosen(inputs), targets: chosen(targets), source };
}

/** Makes a number of a large integer. @throws {DataError} On what is no cell. */
function narrow(source: string, name: string, column: Cell[], row: number): void {
  const value: unknown = column[row];
  if (typeof value === "bigint") {
    const number = Number(value);
    if (Number.isSafeInteger(number)) {
      column[row] = number;
      return;
    }
  }
  if (value === null || value === undefined) return;
  if (["number", "string", "boolean"].includes(typeof value)) return;
  const received = typeof value === "bigint"
    ? `the integer ${value}`
    : value instanceof Date
    ? "a date"
    : Array.isArray(value)
    ? "a list"
    : value instanceof Uint8Array
    ? "bytes"
    : "a record";
  throw new DataError(
    source,
    `expected numbers, truth values or text, received ${received} in row ${row}, column '${name}' ` +
      "(leave the column out with inputs)",
  );
}
