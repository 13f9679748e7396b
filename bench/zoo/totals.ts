/**
 * What all rows together say of an optimizer.
 *
 * @module
 */

import type { Line } from "./judging.ts";

/** One sentence: rows passed, divergences, and on how many rows it ends below the best rival. */
export function totalsOf(optimizer: string, lines: readonly Line[]): string {
  const own = lines.filter((line) => line.optimizer === optimizer);
  const judged = own.filter(({ ok }) => ok !== undefined);
  const compared = own.filter(({ rival }) => rival !== undefined);
  const below = compared.filter(({ value, rival }) => value < rival!.value);
  const sum = (key: "runs" | "divergences"): number =>
    own.reduce((total, line) => total + line[key], 0);
  return [
    `${optimizer}: ${judged.filter(({ ok }) => ok).length} of ${judged.length} rows ok`,
    `below the best rival on ${below.length} of ${compared.length}`,
    `${sum("divergences")} of ${sum("runs")} runs diverged`,
  ].join(", ");
}
