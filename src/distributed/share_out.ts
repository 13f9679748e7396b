/**
 * How ranks give work out among themselves.
 *
 * @module
 */

import { assigned } from "./assignment.ts";
import type { Decomposition } from "./decomposition_seconds.ts";
import type { Reduction } from "./reduction.ts";
import type { SharedWork, Task } from "./shared_work.ts";

/**
 * Gives jobs out among those who need them, the longest first: the ranks of one job are those of another one, or all, or
 * others.
 *
 * @param divided Whether ranks have different jobs.
 */
export function shareOut<J extends Decomposition>(
  reduction: Pick<Reduction, "rank" | "secondsOf" | "spread">,
  tasks: readonly Task<J>[],
  divided: boolean,
): SharedWork<J> {
  const owners = tasks.map(() => 0);
  const alike = new Map<string, number[]>();
  tasks.forEach(({ takers }, i) => {
    const key = takers.join();
    alike.set(key, [...alike.get(key) ?? [], i]);
  });
  for (const same of alike.values()) {
    const { takers } = tasks[same[0]];
    const seconds = reduction.secondsOf(same.map((i) => tasks[i].job));
    assigned(seconds, takers.length).forEach((place, i) => owners[same[i]] = takers[place]);
  }
  const jobs = (mine: boolean) =>
    tasks.filter((_, i) => (owners[i] === reduction.rank) === mine).map(({ job }) => job);
  return {
    own: jobs(true),
    others: jobs(false),
    spread(resultsOf) {
      if (tasks.length === 0 && !divided) return;
      const results = tasks.flatMap(({ job, takers }, i) =>
        resultsOf(job).map((matrix) => ({ matrix, takers, owner: owners[i] }))
      );
      reduction.spread(
        results.map(({ matrix }) => matrix),
        results.map(({ owner }) => owner),
        divided ? (i, rank) => results[i].takers.includes(rank) : undefined,
      );
    },
  };
}
