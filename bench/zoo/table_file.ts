/**
 * Regression tables with their standard splits: `NAME.csv`, whose last column is the target, and
 * `NAME.splits.json`, which names the rows of each split's test part.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { type Examples, pick } from "./examples.ts";

/** A table as it is stored. */
export interface TableFile {
  /** Numbers row by row, the target last. */
  readonly numbers: Float64Array;
  /** Numbers in a row. */
  readonly columns: number;
  /** Rows of the test part, for each split. */
  readonly testRows: readonly (readonly number[])[];
}

/** A split table, standardized by its part to learn from. */
export interface SplitTable {
  /** To learn from. */
  readonly train: Examples;
  /** To choose the epoch by: a tenth of what the split gives to learn from. */
  readonly validation: Examples;
  /** To be judged by. */
  readonly test: Examples;
  /** Deviation of the target, in its own unit. */
  readonly deviation: number;
}

/**
 * Reads a table.
 *
 * @param path Path without the endings.
 */
export async function readTable(path: string): Promise<TableFile> {
  const [, ...lines] = (await Deno.readTextFile(`${path}.csv`)).trim().split("\n");
  const { testRows } = JSON.parse(await Deno.readTextFile(`${path}.splits.json`));
  const rows = lines.map((line) => line.split(",").map(Number));
  return { numbers: Float64Array.from(rows.flat()), columns: rows[0].length, testRows };
}

/**
 * Splits a table; what is held back for validation is drawn with the split's number.
 *
 * @param split Number of the split, taken modulo the number there are.
 */
export function splitTable(table: TableFile, split: number): SplitTable {
  const { numbers, columns, testRows } = table;
  const test = testRows[split % testRows.length];
  const held = new Set(test);
  const others = Array.from({ length: numbers.length / columns }, (_, row) => row)
    .filter((row) => !held.has(row));
  const order = [...new Random(split).permutation(others.length)].map((i) => others[i]);
  const count = Math.floor(others.length / 10);
  const learned = order.slice(count);

  const moments = Array.from({ length: columns }, (_, column) => {
    const values = learned.map((row) => numbers[row * columns + column]);
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // A constant column stays zero.
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  const standardized = numbers.map((value, i) => {
    const { mean, deviation } = moments[i % columns];
    return (value - mean) / deviation;
  });
  const features = columns - 1;
  const all: Examples = {
    inputs: Float32Array.from(standardized.filter((_, i) => i % columns < features)),
    targets: Float32Array.from(standardized.filter((_, i) => i % columns === features)),
    features,
    outputs: 1,
  };
  return {
    train: pick(all, learned),
    validation: pick(all, order.slice(0, count)),
    test: pick(all, test),
    deviation: moments[features].deviation,
  };
}
