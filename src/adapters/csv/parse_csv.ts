/**
 * From text to columns.
 *
 * @module
 */

import papaparse from "npm:papaparse@5.7.1";
import { DataError, OptionError } from "../../core/errors.ts";
import { checkChoice, checkKnownKeys } from "../../core/options.ts";
import type { Columns } from "../../data/columns.ts";

/**
 * What is used of the package. Its published types bring those of Node along, which are not those of other
 * hosts.
 */
interface Papaparse {
  parse(text: string, options: { delimiter: string; skipEmptyLines: "greedy" }): {
    readonly data: readonly (readonly string[])[];
    readonly errors: readonly { readonly message: string; readonly row?: number }[];
  };
}

/** Options of {@linkcode parseCsv}. */
export interface CsvOptions {
  /** Names of the columns that shall be predicted. */
  readonly targets: string | readonly string[];
  /** Names of the columns to predict from. @default {all others} */
  readonly inputs?: readonly string[];
  /** Names of all columns, where the first line has none. @default {the first line} */
  readonly header?: readonly string[];
  /** What stands between cells: `","`, `";"`, `"\t"`. @default {","} */
  readonly delimiter?: string;
  /** Where the text comes from, for messages and reports. @default {"CSV"} */
  readonly source?: string;
}

/** The columns of a text, as `table` takes them: `table(parseCsv(...))`, with further options after a `...`. */
export interface CsvTable {
  /** Cells of the inputs by name. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Cells of the targets by name. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Where the text comes from. */
  readonly source: string;
}

/**
 * Reads CSV text: cells between quotes may hold delimiters, line breaks and doubled quotes; blank lines and
 * a byte order mark are passed over; spaces around cells are taken off. Cells stay text: `table` finds out
 * which columns are numbers, and what is missing.
 *
 * @throws {DataError} When a row has more or fewer cells than there are names, a quote is not closed, a
 * name comes twice, or there is no row. Rows are counted from 0 behind the names, as `table` does.
 * @throws {OptionError} When an option is unknown, or names no column.
 *
 * @example Another delimiter, missing numbers, chosen columns
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseCsv } from "@tekfac/tekfac/csv";
 * import { table } from "@tekfac/tekfac/data";
 *
 * const text = "id;x;y\nA;1;2\nB;;3\n";
 * const csv = parseCsv(text, { inputs: ["x"], targets: "y", delimiter: ";" });
 * assert.deepEqual(csv.inputs, { x: ["1", ""] });
 * assert.throws(() => table(csv), /row 1, column 'x', received none/);
 * assert.equal(table({ ...csv, missing: "drop" }).targets.length, 1);
 * ```
 */
export function parseCsv(text: string, options: CsvOptions): CsvTable {
  const subject = "Cannot read CSV";
  checkKnownKeys(subject, options, ["targets", "inputs", "header", "delimiter", "source"]);
  const { source = "CSV", delimiter = "," } = options;
  if (typeof delimiter !== "string" || delimiter === "") {
    throw new OptionError(subject, "delimiter", "must be text", delimiter);
  }
  const lines = cellsOf(source, text, delimiter);
  const names = options.header ?? lines.shift() ?? [];
  checkNames(source, names, lines, delimiter);
  const targets = typeof options.targets === "string" ? [options.targets] : options.targets;
  for (const name of targets) checkChoice(subject, "targets", name, names);
  const inputs = options.inputs ?? names.filter((name) => !targets.includes(name));
  for (const name of inputs) checkChoice(subject, "inputs", name, names);
  const chosen = (columns: readonly string[]) =>
    Object.fromEntries(columns.map((name) => {
      const place = names.indexOf(name);
      return [name, lines.map((cells) => cells[place])];
    })) satisfies Columns;
  return { inputs: chosen(inputs), targets: chosen(targets), source };
}

function cellsOf(source: string, text: string, delimiter: string): string[][] {
  const { parse } = papaparse as Papaparse;
  const { data, errors } = parse(text, { delimiter, skipEmptyLines: "greedy" });
  const [error] = errors;
  if (error === undefined) return data.map((cells) => cells.map((cell) => cell.trim()));
  const problem = `expected CSV, received an error in line ${(error.row ?? 0) + 1}`;
  throw new DataError(source, `${problem} (${error.message})`);
}

function checkNames(
  source: string,
  names: readonly string[],
  lines: readonly string[][],
  delimiter: string,
): void {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new DataError(source, `expected names that differ, received '${twice}' twice`);
  }
  if (lines.length === 0) throw new DataError(source, "expected rows, received none");
  const other = [";", "\t", ","].find((mark) => mark !== delimiter && names[0]?.includes(mark));
  if (names.length === 1 && other !== undefined) {
    const problem = `expected cells between ${JSON.stringify(delimiter)}, received a single column`;
    const advice = `try delimiter: ${JSON.stringify(other)}`;
    throw new DataError(source, `${problem} '${names[0]}' (${advice})`);
  }
  const row = lines.findIndex((cells) => cells.length !== names.length);
  if (row < 0) return;
  throw new DataError(
    source,
    `expected ${names.length} cells in row ${row}, one for each name, received ${
      lines[row].length
    }`,
  );
}
