/**
 * A verdict as a line.
 *
 * @module
 */

import { shareOf } from "./checks.ts";
import type { Verdict } from "./run_case.ts";

/** One line: verdict, file, comparisons, and how close the worst of them came to its allowance. */
export function verdictLine(verdict: Verdict, width: number): string {
  const { file, passed, checks, failures, worst, notes } = verdict;
  const parts = [`${passed ? "ok    " : "FAILED"}  ${file.padEnd(width)}`];
  if (worst !== undefined) {
    const share = 100 * shareOf(worst);
    const percent = share >= 0.1 ? share.toPrecision(3) : share.toExponential(0);
    parts.push(
      `${String(checks).padStart(3)} checks${failures > 0 ? `, ${failures} failed` : ""}`,
      `worst ${worst.error.toExponential(1)} of ${worst.allowance.toExponential(1)} ` +
        `(${Number(percent)} % of the allowance) at ${worst.what}`,
    );
  }
  return [...parts, ...notes].join("  ");
}
