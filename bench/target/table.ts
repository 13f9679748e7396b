/**
 * The table of the bench: a line per task, medians over its seeds.
 *
 * @module
 */

import type { Row } from "../results.ts";
import { median } from "../statistics.ts";
import { formatTable, threeDigits } from "../table.ts";
import { short } from "../zoo/verdict.ts";

/** Later than any number: a run that did not arrive. */
const NEVER = Number.MAX_VALUE;

/**
 * The rows of all seeds as a table. A seed in which TEKFAC did not arrive counts as later than any other; where
 * the median did not arrive, the table says how low TEKFAC came instead.
 */
export function targetTable(rows: readonly Row[]): string {
  const head = ["task", "seeds", "target", "AdamW", "steps", "s", "TEKFAC", "steps", "s"];
  const tasks = [...new Set(rows.map(({ task }) => task))];
  const lines = tasks.map((task) => lineOf(rows.filter((row) => row.task === task)));
  return formatTable([...head, "fewer steps", "faster"], lines);
}

function lineOf(rows: readonly Row[]): string[] {
  const middle = (column: string, missing: number): number =>
    median(rows.map((row) => row[column] === null ? missing : Number(row[column])));
  const cell = (column: string, write: (value: number) => string, missing = NEVER): string => {
    const value = middle(column, missing);
    return value === 0 || value >= NEVER / 4 ? "-" : write(value);
  };
  const count = (value: number): string => String(Math.round(value));
  const settings = [...new Set(rows.map(({ adam }) => String(adam)))];
  const arrived = rows.filter(({ tekfacSteps }) => tekfacSteps !== null).length;
  const [{ task, metric }] = rows;
  return [
    String(task),
    String(rows.length),
    `${metric} ${short(middle("target", NEVER))}`,
    settings.join("; "),
    cell("adamSteps", count),
    cell("adamSeconds", threeDigits),
    arrived === 0 ? `only ${short(middle("tekfacLowest", NEVER))}` : `${arrived} of ${rows.length}`,
    cell("tekfacSteps", count),
    cell("tekfacSeconds", threeDigits),
    cell("stepsRatio", threeDigits, 0),
    cell("secondsRatio", threeDigits, 0),
  ];
}
