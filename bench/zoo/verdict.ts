/**
 * How a verdict is reached: values over seeds, and checks of which the first that fails is the reason.
 *
 * @module
 */

import type { Runs, Verdict, ZooRow } from "./row.ts";
import { diverged, type Trace } from "./training.ts";

/** What a check found: nothing wrong, something wrong, or that there is nobody to compare with. */
export type Finding = undefined | { readonly fault: string } | "unknown";

/** Looks at a contender beside its rivals. */
export type Check = (own: Runs, rivals: readonly Runs[]) => Finding;

/** How one value is made of those of all seeds. */
export type Combine = "mean" | "highest";

/** A judge that wants all checks passed. */
export function judgeBy(combine: Combine, ...checks: readonly Check[]): ZooRow["judge"] {
  return (own, rivals): Verdict => {
    const findings = checks.map((check) => check(own, rivals));
    const fault = findings.find((finding) => typeof finding === "object");
    const unknown = findings.includes("unknown");
    const rival = bestOf(rivals, combine);
    return {
      ok: fault !== undefined ? false : unknown ? undefined : true,
      reason: fault?.fault ?? (unknown ? "nobody to compare with" : ""),
      value: combined(own, combine),
      ...(rival === undefined ? {} : { rival }),
    };
  };
}

/** The value of all seeds together; NaN as soon as one is. */
export function combined({ runs }: Runs, combine: Combine): number {
  const values = runs.map(({ value }) => value);
  if (combine === "highest") return Math.max(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The rival with the lowest value; one that diverged never is. */
export function bestOf(
  rivals: readonly Runs[],
  combine: Combine,
): { readonly name: string; readonly value: number } | undefined {
  const all = rivals.map((runs) => ({
    name: runs.contender.name,
    value: combined(runs, combine),
  }));
  return all.filter(({ value }) => !Number.isNaN(value)).sort((a, b) => a.value - b.value)[0];
}

/** All traces of all seeds. */
export function tracesOf({ runs }: Runs): Trace[] {
  return runs.flatMap(({ traces }) => traces);
}

/** The run came to its end. */
export function survives(own: Runs): Finding {
  for (const { end, threw, steps } of tracesOf(own)) {
    if (threw !== undefined) return { fault: `step ${steps} threw: ${threw.slice(0, 60)}` };
    if (!Number.isFinite(end)) return { fault: `not finite after ${steps} steps` };
  }
  return undefined;
}

/** No loss of a batch was ten times that of the start. */
export function staysNear(own: Runs): Finding {
  const traces = tracesOf(own);
  const bad = traces.filter(diverged);
  if (bad.length === 0) return undefined;
  const ratio = Math.max(...bad.map(({ highest, start }) => highest / start));
  return {
    fault: `diverged in ${bad.length} of ${traces.length} runs (loss ${short(ratio)} x start)`,
  };
}

/** It ends below so many times the loss that it began with. */
function endsBelow(times: number): Check {
  return (own) => {
    const bad = tracesOf(own).find(({ start, end }) => !(end < times * start));
    return bad && { fault: `ends at ${short(bad.end)}, began at ${short(bad.start)}` };
  };
}

/** It ends lower than it began. */
export const improves: Check = endsBelow(1);

/** It ends less than 1 % above where it began: for problems that nobody learns. */
export const staysPut: Check = endsBelow(1.01);

/** No loss is above that of the start, but for rounding. */
export function neverRises(own: Runs): Finding {
  const bad = tracesOf(own).find(({ start, highest }) => !(highest <= start * (1 + 1e-3)));
  return bad && { fault: `rose to ${short(bad.highest / bad.start)} x its start` };
}

/** No step multiplies the loss by more than `limit`. */
export function gentle(limit: number): Check {
  return (own) => {
    const worst = Math.max(...tracesOf(own).map((trace) => trace.worst));
    return worst <= limit ? undefined : { fault: `a step made the loss ${short(worst)} x` };
  };
}

/** In each seed the value is below a limit, or below so many times that of the best rival. */
export function lowEnough(limit: number, factor: number): Check {
  return ({ runs }, rivals) => {
    for (const [seed, { value }] of runs.entries()) {
      if (value < limit) continue;
      if (rivals.length === 0) return "unknown";
      const best = bestInSeed(rivals, seed);
      if (value <= factor * best) continue;
      return { fault: `ends at ${short(value)}, the best rival at ${short(best)}` };
    }
    return undefined;
  };
}

/** The value is at most a share above the best rival's. */
export function nearBest(share: number, combine: Combine = "mean"): Check {
  return (own, rivals) => {
    const best = bestOf(rivals, combine);
    if (best === undefined) return "unknown";
    const value = combined(own, combine);
    const excess = (value - best.value) / Math.abs(best.value);
    if (excess <= share) return undefined;
    return { fault: `${(100 * excess).toFixed(0)} % above the best rival` };
  };
}

/** The lowest value that a rival reached with one seed. */
export function bestInSeed(rivals: readonly Runs[], seed: number): number {
  return Math.min(...rivals.map(({ runs }) => runs[seed].value).filter((v) => !Number.isNaN(v)));
}

/** Three digits, in scientific notation where the number is far from 1. */
export function short(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const size = Math.abs(value);
  return size >= 1e4 || size < 1e-3 ? value.toExponential(1) : String(+value.toPrecision(3));
}
