/**
 * What a page says about the ranks of a run.
 *
 * @module
 */

import type { Group } from "../distributed/mod.ts";
import { formatSeconds } from "../pages/text.ts";
import type { TrainingRecord } from "../training/mod.ts";

/** Which process is which rank, as launchers name them when one is killed. All ranks call it together. */
export function processesOf(group: Group): string {
  const all = group.allGather(Float64Array.of(Deno.pid)).map(([pid], rank) => `${rank}: ${pid}`);
  return `processes of the ranks: ${all.join(", ")}`;
}

/** Rows for the page of rank 0; none without a group. All ranks call it together. */
export function rankRows(
  group: Group | undefined,
  { seconds, stepLosses: { length: steps } }: Pick<TrainingRecord, "seconds" | "stepLosses">,
): readonly (readonly [string, string])[] {
  if (group === undefined) return [];
  const { bytes, milliseconds, operations } = group.traffic;
  const numbers = Float64Array.of(seconds, milliseconds / 1000, bytes / steps, operations / steps);
  return group.allGather(numbers).map(([time, waiting, bytes, operations], rank) => [
    `rank ${rank} of ${group.name}`,
    `${formatSeconds(time)}, of which ${formatSeconds(waiting)} with the others; per step ` +
    `${(bytes / 1000).toFixed(1)} kB in ${operations.toFixed(1)} operations`,
  ]);
}
