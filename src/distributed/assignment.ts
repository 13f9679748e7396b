/**
 * Who does what.
 *
 * @module
 */

/**
 * Gives tasks to ranks, the most expensive first, each to the rank that has least to do so far (Graham 1969): none has
 * more than 4/3 of what it would have at best. The same on all ranks.
 *
 * @param costs Of the tasks, in any unit.
 * @param ranks How many there are.
 * @returns The rank of each task.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(assigned([1, 4, 2, 1], 2), [1, 0, 1, 1]);
 * ```
 */
export function assigned(costs: readonly number[], ranks: number): number[] {
  const load = new Array<number>(ranks).fill(0);
  const owners = costs.map(() => 0);
  const order = costs.map((_, task) => task).sort((a, b) => costs[b] - costs[a] || a - b);
  for (const task of order) {
    const rank = load.indexOf(Math.min(...load));
    owners[task] = rank;
    load[rank] += costs[task];
  }
  return owners;
}
