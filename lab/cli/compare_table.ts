/**
 * `deno task compare --table FILE --target NAME`: optimizers on a table of numbers.
 *
 * @module
 */

import { DataError, OptionError, Random } from "@tekfac/tekfac/core";
import { examplesIn } from "@tekfac/tekfac/data";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { formatNumber, formatSeconds, formatTable } from "@tekfac/tekfac/pages";
import { type BackendChoice, openBackend } from "../../src/cli/mod.ts";
import { contenderNames } from "../table_contenders.ts";
import { studyTable, tableSettings, type TableStudy } from "../table_study.ts";
import { readTable } from "./study_arguments.ts";

/** What is asked for when a table is given. */
export interface TableArguments {
  readonly table: string;
  readonly target?: string;
  readonly splits?: number;
  readonly optimizers?: readonly OptimizerName[];
  readonly epochs?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly backend?: BackendChoice;
  readonly json?: boolean;
}

/** Share of the rows that a random split holds back. */
const TEST = 0.1;

/** Trains, and writes a table or a line of JSON. */
export async function compareOnTable(given: TableArguments): Promise<void> {
  const subject = "Cannot run 'compare'";
  const { table: file, target, seed = 0 } = given;
  if (target === undefined) {
    throw new OptionError(subject, "--target", "must be the name of a column with --table", target);
  }
  const data = await readTable(file, target);
  if (data.classes !== undefined) {
    throw new DataError(file, `expected numbers in '${target}', received text`);
  }
  const splits = await splitsOf(file, examplesIn(data), given.splits, seed);
  const study: TableStudy = {
    ...tableSettings,
    optimizers: [...new Set(given.optimizers ?? contenderNames)],
    testRows: splits.testRows,
    ...(given.epochs === undefined ? {} : { epochs: given.epochs }),
    ...(given.batch === undefined ? {} : { batch: given.batch }),
    seed,
  };
  const backend = await openBackend(given.backend ?? "auto");
  try {
    const outcomes = await studyTable(backend, data, study);
    const { testRows: _, ...settings } = study;
    if (given.json) {
      console.log(
        JSON.stringify({ table: file, target, ...settings, splits: splits.from, outcomes }),
      );
      return;
    }
    console.log(
      `${file}, ${examplesIn(data)} rows, ${study.testRows.length} splits (${splits.from})`,
    );
    console.log(formatTable(
      ["optimizer", "RMSE, mean", "RMSE, least", "RMSE, most", "rank", "CPU time"],
      outcomes.map(({ optimizer, errors, mean, rank, seconds }) => [
        optimizer,
        ...[mean, Math.min(...errors), Math.max(...errors)].map((error) => formatNumber(error)),
        rank.toFixed(2),
        formatSeconds(seconds),
      ]),
      "right",
    ));
  } finally {
    backend[Symbol.dispose]();
  }
}

/** Test rows from `NAME.splits.json` beside `NAME.csv`, the first ones where fewer are asked for; else random. */
async function splitsOf(
  file: string,
  rows: number,
  wanted: number | undefined,
  seed: number,
): Promise<{ testRows: readonly (readonly number[])[]; from: string }> {
  const beside = file.replace(/\.csv$/i, "") + ".splits.json";
  let text: string | undefined;
  try {
    text = await Deno.readTextFile(beside);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (text === undefined) {
    const held = Math.max(1, Math.round(TEST * rows));
    const testRows = Array.from(
      { length: wanted ?? 5 },
      (_, split) => [...new Random(seed + split).permutation(rows).subarray(rows - held)],
    );
    return { testRows, from: "random, a tenth held back" };
  }
  const { testRows } = JSON.parse(text) as { testRows: number[][] };
  const fits = Array.isArray(testRows) &&
    testRows.every((split) =>
      Array.isArray(split) && split.length > 0 &&
      split.every((row) => Number.isInteger(row) && row >= 0 && row < rows)
    );
  if (!fits) throw new DataError(beside, `expected { testRows: [[...]] } of rows below ${rows}`);
  return { testRows: testRows.slice(0, wanted), from: beside };
}
