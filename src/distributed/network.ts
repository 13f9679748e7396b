/**
 * What it costs to do things twice, and to send them.
 *
 * @module
 */

import { assigned } from "./assignment.ts";
import { workerCounts } from "./worker_grid.ts";

/** How fast ranks tell each other something. */
export interface Network {
  /** Of a message, in seconds. */
  readonly latency: number;
  /** Through a rank, in bytes per second. */
  readonly bandwidth: number;
}

/** Something that one rank or several can do. */
export interface SharedTask {
  /** What it takes, in seconds. */
  readonly seconds: number;
  /** What comes of it, in bytes. */
  readonly bytes: number;
}

/**
 * Seconds until every rank has the result of every task, where each is done by `workers` of `ranks` ranks: those of the
 * column that has most to do, then a message from each other rank of a row, with all that the other columns have done.
 *
 * @param workers A divisor of `ranks`.
 *
 * @example Two tasks of a second each, of results that take half as long to send
 * ```ts
 * import assert from "node:assert/strict";
 * import { sharedSeconds } from "@tekfac/tekfac/distributed";
 *
 * const network = { latency: 0.1, bandwidth: 1000 };
 * const tasks = [{ seconds: 1, bytes: 500 }, { seconds: 1, bytes: 500 }];
 * assert.equal(sharedSeconds(tasks, 2, 2, network), 2);
 * assert.equal(sharedSeconds(tasks, 2, 1, network), 1 + 0.1 + 0.5);
 * ```
 */
export function sharedSeconds(
  tasks: readonly SharedTask[],
  ranks: number,
  workers: number,
  { latency, bandwidth }: Network,
): number {
  const columns = ranks / workers;
  const columnOf = assigned(tasks.map(({ seconds }) => seconds), columns);
  const sums = (of: (task: SharedTask) => number) => {
    const each = new Array<number>(columns).fill(0);
    tasks.forEach((task, i) => each[columnOf[i]] += of(task));
    return each;
  };
  const bytes = sums((task) => task.bytes);
  const all = bytes.reduce((sum, part) => sum + part, 0);
  const missing = Math.max(...bytes.map((own) => all - own));
  return Math.max(...sums(({ seconds }) => seconds)) + (columns - 1) * latency +
    missing / bandwidth;
}

/**
 * The number of workers with which {@linkcode sharedSeconds} are least; the larger one of equals.
 *
 * @example What is quick to do is not worth a message
 * ```ts
 * import assert from "node:assert/strict";
 * import { bestWorkers } from "@tekfac/tekfac/distributed";
 *
 * const tasks = (seconds: number) => Array.from({ length: 8 }, () => ({ seconds, bytes: 1e6 }));
 * const network = { latency: 20e-6, bandwidth: 1e9 };
 * assert.equal(bestWorkers(tasks(1e-4), 4, network), 4);
 * assert.equal(bestWorkers(tasks(1e-2), 4, network), 1);
 * ```
 */
export function bestWorkers(
  tasks: readonly SharedTask[],
  ranks: number,
  network: Network,
): number {
  const counts = workerCounts(ranks).reverse();
  const seconds = counts.map((workers) => sharedSeconds(tasks, ranks, workers, network));
  return counts[seconds.indexOf(Math.min(...seconds))];
}
