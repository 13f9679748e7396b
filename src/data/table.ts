/**
 * Data sets of numbers: rows or columns with something to predict for each.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys } from "../core/options.ts";
import { flatNumbers, type NumberArray } from "./arrays.ts";
import {
  type CategoryKind,
  type Cell,
  type ColumnEncoding,
  type Columns,
  encodeColumns,
  encodingOf,
  featureNames,
  widthOf,
} from "./columns.ts";
import { checkLabels, type Dataset, type DataShape, inputSize } from "./dataset.ts";
import { labelsOf } from "./labels.ts";

/** Options of {@linkcode table}. */
export interface TableOptions {
  /**
   * One row per example: arrays in arrays, a flat or typed array (row by row where `shape` is given, else a
   * number per example), or columns by name.
   */
  readonly inputs: NumberArray | Columns;
  /**
   * What shall be predicted, one row per example: numbers as above, one column of text (labels, in the
   * order of the alphabet), or an array of text.
   */
  readonly targets: NumberArray | Columns | readonly string[];
  /** Shape of one example's inputs, for images and series. @default {as the arrays are nested} */
  readonly shape?: DataShape;
  /** Number of classes, in [1, 65536]: targets are labels. @default {targets are numbers, unless text} */
  readonly classes?: number;
  /** What becomes of columns of categories. @default {"oneHot" for each} */
  readonly categories?: Readonly<Record<string, CategoryKind>>;
  /** Of an earlier table: the same columns and categories, in the same order. @default {found out} */
  readonly encoding?: TableEncoding;
  /**
   * What is done about missing numbers: `"refuse"` them, `"drop"` the rows that have any, or keep them as
   * NaN for the `"mean"`, which `standardized` puts in their place. Missing targets cannot be kept.
   *
   * @default {"refuse"}
   */
  readonly missing?: "refuse" | "drop" | "mean";
  /** Where the data come from, for messages and reports. @default {"table"} */
  readonly source?: string;
}

/** What became of the columns. Plain data: keep it with the model, as JSON. */
export interface TableEncoding {
  /** Of the inputs; empty where they had no names. */
  readonly inputs: readonly ColumnEncoding[];
  /** Of the targets; the categories of an `"index"` are the names of the classes. */
  readonly targets: readonly ColumnEncoding[];
}

/** A data set of numbers, and what its columns are. */
export interface Table extends Dataset {
  /** Names of the numbers of a row, `"colour=red"` for a category; empty where columns had none. */
  readonly features: readonly string[];
  /** For rows that come later: see `encodeColumns`. */
  readonly encoding: TableEncoding;
}

/** Numbers of one side of a table. */
interface Side {
  readonly numbers: Float64Array | Float32Array;
  /** Sizes, the examples first; a single one where the numbers were flat. */
  readonly sizes: readonly number[];
  readonly encoding: readonly ColumnEncoding[];
}

/**
 * Makes a data set of numbers, for `batches`, `split`, `standardized`, training and evaluation like any
 * other. Everything is copied.
 *
 * Arrays that are nested three deep, [N, length, channels], are series: images of height 1.
 *
 * @returns A frozen data set whose targets are numbers [N * numbers of each], or labels.
 * @throws {DataError} When there is no row, rows or columns differ in length, or a cell is missing,
 * infinite, no number, or no category that is known; names row and column, rows counted from 0.
 * @throws {OptionError} When an option is unknown or does not fit the data.
 *
 * @example Regression, standardized
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   adam,
 *   batches,
 *   createBackend,
 *   dense,
 *   objective,
 *   sequential,
 *   splitDataset,
 *   squaredError,
 *   standardized,
 *   table,
 * } from "@tekfac/tekfac";
 *
 * const houses = table({
 *   inputs: { area: [50, 80, 120, 65], rooms: [2, 3, 5, 2], town: ["Ulm", "Bonn", "Ulm", "Bonn"] },
 *   targets: { price: [200, 330, 450, 260] },
 * });
 * const { train, test } = standardized(splitDataset(houses, { testShare: 0.25, seed: 1 }));
 * using backend = await createBackend();
 * using model = sequential(backend, { input: train.shape, layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * using optimizer = adam(goal, { learningRate: 0.1 });
 * const before = goal.evaluateSync(batches(train, { size: 3 })).loss;
 * for (let epoch = 0; epoch < 20; epoch++) {
 *   for (const batch of batches(train, { size: 3, shuffle: { seed: 1, epoch } })) {
 *     optimizer.stepSync(batch);
 *   }
 * }
 * assert(goal.evaluateSync(batches(train, { size: 3 })).loss < before);
 * assert.equal(test.targets.length, 1);
 * ```
 *
 * @example Labels from text
 * ```ts
 * import assert from "node:assert/strict";
 * import { table } from "@tekfac/tekfac/data";
 *
 * const data = table({ inputs: [[1, 2], [3, 4], [5, 6]], targets: ["no", "yes", "no"] });
 * assert.deepEqual([[...data.targets], data.classes, data.shape], [[0, 1, 0], 2, [2]]);
 * ```
 */
export function table(options: TableOptions): Table {
  const subject = "Cannot make a table";
  checkKnownKeys(subject, options, [
    ...["inputs", "targets", "shape", "classes", "categories", "encoding", "missing", "source"],
  ]);
  const { source = "table", categories, encoding } = options;
  const missing = checkChoice(subject, "missing", options.missing ?? "refuse", [
    ...["refuse", "drop", "mean"] as const,
  ]);
  const inputs = inputSide(source, options.inputs, categories, encoding);
  const targets = targetSide(source, options.targets, encoding);
  const shape = shapeOf(subject, inputs, options.shape);
  const width = inputSize({ shape });
  const rows = inputs.numbers.length / width;
  if (rows === 0) throw new DataError(source, "expected at least one row, received none");
  if (!Number.isInteger(rows) || inputs.sizes.length > 1 && inputs.sizes[0] !== rows) {
    const problem = `expected rows of ${width} inputs, received ${inputs.numbers.length} in all`;
    throw new DataError(source, problem);
  }
  const size = targets.numbers.length / rows;
  if (
    !Number.isInteger(size) || size === 0 || targets.sizes.length > 1 && targets.sizes[0] !== rows
  ) {
    const hint = inputs.sizes.length === 1 && options.shape === undefined
      ? " (rows in a flat array need the option 'shape')"
      : "";
    throw new DataError(
      source,
      `expected targets for ${rows} rows, received ${targets.sizes[0]}${hint}`,
    );
  }
  const kept = keptRows(source, inputs, targets, rows, missing);
  const goals = taken(targets.numbers, kept, size);
  const classes = classesOf(subject, targets, options.classes);
  if (classes !== undefined) checkLabels(source, goals, classes, "row");
  return Object.freeze({
    inputs: taken(inputs.numbers, kept, width),
    shape,
    targets: classes === undefined ? goals : labelsOf(goals, classes),
    ...(classes === undefined ? {} : { classes }),
    source,
    features: featureNames(inputs.encoding),
    encoding: { inputs: inputs.encoding, targets: targets.encoding },
  });
}

function inputSide(
  source: string,
  inputs: TableOptions["inputs"],
  categories: TableOptions["categories"],
  encoding: TableEncoding | undefined,
): Side {
  if (!isColumns(inputs)) return { ...flatNumbers(source, "inputs", inputs), encoding: [] };
  return columnSide(source, inputs, encoding?.inputs ?? encodingOf(source, inputs, categories));
}

function targetSide(
  source: string,
  targets: TableOptions["targets"],
  encoding: TableEncoding | undefined,
): Side {
  const columns = isColumns(targets) ? targets : isText(targets) ? { target: targets } : undefined;
  if (columns === undefined) {
    return { ...flatNumbers(source, "targets", targets as NumberArray), encoding: [] };
  }
  const found = encoding?.targets ??
    encodingOf(source, columns).map((column) =>
      column.kind === "oneHot" ? { ...column, kind: "index" as const } : column
    );
  if (found.length > 1 && found.some(({ kind }) => kind !== "number")) {
    const { name } = found.find(({ kind }) => kind !== "number")!;
    const problem = `expected numbers where there are several targets, received text in '${name}'`;
    throw new DataError(source, problem);
  }
  return columnSide(source, columns, found);
}

function columnSide(source: string, columns: Columns, encoding: readonly ColumnEncoding[]): Side {
  const numbers = encodeColumns(columns, encoding, source);
  const width = encoding.reduce((sum, column) => sum + widthOf(column), 0);
  return { numbers, sizes: [width === 0 ? 0 : numbers.length / width, width], encoding };
}

/** The shape that was asked for, or the one that the nesting tells. */
function shapeOf(subject: string, { sizes }: Side, wanted: DataShape | undefined): DataShape {
  if (wanted !== undefined) {
    const fits = [1, 3].includes(wanted.length) &&
      wanted.every((size) => Number.isInteger(size) && size >= 1);
    if (fits) return [...wanted] as unknown as DataShape;
    const expectation = "must be [columns] or [height, width, channels], integers >= 1";
    throw new OptionError(subject, "shape", expectation, wanted);
  }
  const [, ...inner] = sizes;
  if (inner.length === 0) return [1];
  if (inner.length === 1) return [inner[0]];
  if (inner.length === 2) return [1, inner[0], inner[1]];
  if (inner.length === 3) return [inner[0], inner[1], inner[2]];
  const expectation = "must be given for arrays that are nested more than four deep";
  throw new OptionError(subject, "shape", expectation, sizes);
}

function classesOf(
  subject: string,
  { encoding }: Side,
  told: number | undefined,
): number | undefined {
  const [column] = encoding;
  if (column === undefined || column.kind === "number") return told;
  if (told !== undefined && told !== column.categories.length) {
    const expectation = `is the number of names in '${column.name}', ${column.categories.length}`;
    throw new OptionError(subject, "classes", expectation, told);
  }
  return column.categories.length;
}

/** The rows without missing numbers, or all. */
function keptRows(
  source: string,
  inputs: Side,
  targets: Side,
  rows: number,
  missing: NonNullable<TableOptions["missing"]>,
): number[] {
  const kept: number[] = [];
  for (let row = 0; row < rows; row++) {
    const bad = firstMissing(source, "targets", targets, rows, row, false) ??
      firstMissing(source, "inputs", inputs, rows, row, missing === "mean");
    if (missing === "drop" && bad !== undefined) continue;
    if (bad !== undefined) {
      throw new DataError(
        source,
        `expected a number in row ${row}, ${bad}, received none (see the option 'missing')`,
      );
    }
    kept.push(row);
  }
  if (kept.length > 0) return kept;
  throw new DataError(source, "expected a row without missing numbers, received none");
}

/**
 * The name of the first number of a row that is missing; an infinite one is an error.
 *
 * @param filled Whether a mean can take its place, as it can for all but places in a list.
 */
function firstMissing(
  source: string,
  noun: string,
  { numbers, encoding }: Side,
  rows: number,
  row: number,
  filled: boolean,
): string | undefined {
  const width = numbers.length / rows;
  for (let i = 0; i < width; i++) {
    const number = numbers[row * width + i];
    if (Number.isFinite(number)) continue;
    const owner = ownerOf(encoding, i);
    const name = owner === undefined ? `${i} of the ${noun}` : `'${owner.name}'`;
    if (Number.isNaN(number)) {
      if (filled && owner?.kind !== "index") continue;
      return `column ${name}`;
    }
    throw new DataError(
      source,
      `expected a finite number in row ${row}, column ${name}, received ${number}`,
    );
  }
  return undefined;
}

/** The column that a number of a row comes from, where columns have names. */
function ownerOf(encoding: readonly ColumnEncoding[], place: number): ColumnEncoding | undefined {
  let end = 0;
  return encoding.find((column) => place < (end += widthOf(column)));
}

function taken<T extends Float64Array | Float32Array>(numbers: T, rows: number[], size: number): T {
  if (rows.length * size === numbers.length) return numbers;
  const out = new (numbers.constructor as new (length: number) => T)(rows.length * size);
  rows.forEach((row, i) => out.set(numbers.subarray(row * size, (row + 1) * size), i * size));
  return out;
}

function isColumns(values: object): values is Columns {
  return !Array.isArray(values) && !ArrayBuffer.isView(values) && !("length" in values &&
    typeof values.length === "number");
}

function isText(values: unknown): values is ArrayLike<Cell> {
  return Array.isArray(values) && values.some((value) => typeof value === "string");
}
