/**
 * Columns with names as numbers: which column becomes what, and the same again for rows that come later.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { checkChoice } from "../core/options.ts";

/** What a column can hold; `null`, `undefined`, NaN and `""` are missing. */
export type Cell = number | string | boolean | null | undefined;

/** Columns of equal length by name. */
export type Columns = Readonly<Record<string, ArrayLike<Cell>>>;

/** What becomes of a column. Plain data: keep it with the model, as JSON. */
export type ColumnEncoding =
  /** One number as it is. */
  | { readonly name: string; readonly kind: "number" }
  /** A number per category, 1 for the one that it is and 0 for the others. */
  | { readonly name: string; readonly kind: "oneHot"; readonly categories: readonly string[] }
  /** The category's place in the list, for a model that looks up a vector for it. */
  | { readonly name: string; readonly kind: "index"; readonly categories: readonly string[] };

/** How text may become numbers. */
export type CategoryKind = "oneHot" | "index";

/** What stands for a missing number, besides nothing. */
const MISSING_NUMBERS = new Set(["NA", "N/A", "NaN", "nan", "null", "?"]);

/**
 * Finds out what becomes of each column: numbers and truth values stay numbers (text that reads as a number
 * is one), other text is one-hot in the order of the alphabet. In a column of numbers, `"NA"`, `"N/A"`,
 * `"NaN"`, `"nan"`, `"null"` and `"?"` are missing too.
 *
 * @param source Where the columns come from, for messages.
 * @param kinds What is wanted of columns of categories, also of those whose categories are numbers.
 * @throws {DataError} When a column mixes numbers and text; names the first row of the rarer kind.
 * @throws {OptionError} When `kinds` names no column.
 */
export function encodingOf(
  source: string,
  columns: Columns,
  kinds: Readonly<Record<string, CategoryKind>> = {},
): ColumnEncoding[] {
  for (const [name, kind] of Object.entries(kinds)) {
    const subject = "Cannot encode columns";
    checkChoice(subject, `categories.${name}`, kind, ["oneHot", "index"]);
    checkChoice(subject, "categories", name, Object.keys(columns));
  }
  return Object.entries(columns).map(([name, cells]): ColumnEncoding => {
    const wanted = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (wanted === undefined && isNumeric(source, name, cells)) return { name, kind: "number" };
    const present = Array.from(cells).filter((cell) => !isMissing(cell)).map(String);
    return { name, kind: wanted ?? "oneHot", categories: [...new Set(present)].sort() };
  });
}

/**
 * Rows of numbers from columns, by an encoding that was made from these or from earlier ones; NaN where a
 * cell is missing. Columns that the encoding does not name are left out.
 *
 * @param columns By name, all of one length.
 * @param encoding Of a table: `table(...).encoding.inputs`.
 * @param source Where the columns come from, for messages. @default {"columns"}
 * @returns [rows * numbers of a row].
 * @throws {DataError} When a column lacks, has another length, or holds what is no number or none of the
 * categories; names row and column, rows counted from 0.
 *
 * @example Rows for a model that was trained earlier
 * ```ts
 * import assert from "node:assert/strict";
 * import { encodeColumns, table } from "@tekfac/tekfac/data";
 *
 * const { encoding, features } = table({
 *   inputs: { size: [1, 2, 3], colour: ["red", "blue", "red"] },
 *   targets: { price: [10, 20, 15] },
 * });
 * assert.deepEqual(features, ["size", "colour=blue", "colour=red"]);
 * assert.deepEqual([...encodeColumns({ size: [7], colour: ["blue"] }, encoding.inputs)], [7, 1, 0]);
 * assert.throws(
 *   () => encodeColumns({ size: [7], colour: ["green"] }, encoding.inputs),
 *   /row 0, column 'colour'.*'green'/,
 * );
 * ```
 */
export function encodeColumns(
  columns: Columns,
  encoding: readonly ColumnEncoding[],
  source = "columns",
): Float64Array {
  const rows = rowsIn(source, columns, encoding);
  const width = encoding.reduce((sum, column) => sum + widthOf(column), 0);
  const out = new Float64Array(rows * width);
  let place = 0;
  for (const column of encoding) {
    const cells = columns[column.name];
    for (let row = 0; row < rows; row++) {
      writeCell(source, out, row * width + place, cells[row], row, column);
    }
    place += widthOf(column);
  }
  return out;
}

/** Numbers that a column becomes. */
export function widthOf(column: ColumnEncoding): number {
  return column.kind === "oneHot" ? column.categories.length : 1;
}

/** Names of the numbers of a row: `"size"`, `"colour=red"`. */
export function featureNames(encoding: readonly ColumnEncoding[]): string[] {
  return encoding.flatMap((column) =>
    column.kind === "oneHot"
      ? column.categories.map((category) => `${column.name}=${category}`)
      : [column.name]
  );
}

function rowsIn(source: string, columns: Columns, encoding: readonly ColumnEncoding[]): number {
  let rows: number | undefined;
  for (const { name } of encoding) {
    if (!Object.hasOwn(columns, name)) {
      const known = Object.keys(columns).map((column) => `'${column}'`).join(", ");
      throw new DataError(source, `expected a column '${name}', received ${known || "none"}`);
    }
    const { length } = columns[name];
    rows ??= length;
    if (length === rows) continue;
    const first = encoding[0].name;
    throw new DataError(
      source,
      `expected ${rows} rows in column '${name}', as in '${first}', received ${length}`,
    );
  }
  return rows ?? 0;
}

function writeCell(
  source: string,
  out: Float64Array,
  at: number,
  cell: Cell,
  row: number,
  column: ColumnEncoding,
): void {
  if (column.kind === "number") {
    out[at] = isMissing(cell) || isMissingNumber(cell) ? NaN : Number(cell);
    const read = typeof cell === "string" && Number.isNaN(out[at]) && !isMissingNumber(cell) &&
      !isMissing(cell);
    if (!read && Math.abs(out[at]) !== Infinity) return;
    throw cellError(source, row, column.name, "a finite number", cell);
  }
  const width = widthOf(column);
  if (isMissing(cell)) {
    out.fill(NaN, at, at + width);
    return;
  }
  const category = column.categories.indexOf(String(cell));
  if (category < 0) {
    const { length } = column.categories;
    const known = column.categories.slice(0, 5).map((name) => `'${name}'`).join(", ");
    const noun = `one of ${length} categories (${known}${length > 5 ? ", ..." : ""})`;
    throw cellError(source, row, column.name, noun, cell);
  }
  if (column.kind === "index") out[at] = category;
  else out[at + category] = 1;
}

function cellError(
  source: string,
  row: number,
  column: string,
  expected: string,
  cell: Cell,
): DataError {
  const received = typeof cell === "string" ? `'${cell}'` : String(cell);
  const problem = `expected ${expected} in row ${row}, column '${column}', received ${received}`;
  return new DataError(source, problem);
}

function isMissing(cell: Cell): boolean {
  return cell === null || cell === undefined || Number.isNaN(cell) ||
    (typeof cell === "string" && cell.trim() === "");
}

function isMissingNumber(cell: Cell): boolean {
  return typeof cell === "string" && MISSING_NUMBERS.has(cell.trim());
}

/** Whether a column is one of numbers; one of text only when none of it reads as a number. */
function isNumeric(source: string, name: string, cells: ArrayLike<Cell>): boolean {
  const numbers: number[] = [];
  const texts: number[] = [];
  for (let row = 0; row < cells.length; row++) {
    if (isMissing(cells[row]) || isMissingNumber(cells[row])) continue;
    (Number.isNaN(Number(cells[row])) ? texts : numbers).push(row);
  }
  if (texts.length === 0) return true;
  if (numbers.length === 0) return false;
  const [rarer, noun] = texts.length <= numbers.length
    ? [texts[0], "a number"]
    : [numbers[0], "text (or the column among 'categories')"];
  throw cellError(source, rarer, name, noun, cells[rarer]);
}
