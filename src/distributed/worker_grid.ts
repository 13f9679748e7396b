/**
 * Which ranks do a task, and who tells the others what came of it.
 *
 * @module
 */

import { assigned } from "./assignment.ts";

/**
 * The ranks as rows and columns, as in KAISA (Pauloski et al. 2021): a task belongs to a column, whose ranks all do it,
 * one of each row; it hands the result to the other ranks of its row. With as many columns as ranks each task is done
 * once, with one column it is done by all and nothing is sent. Ranks of a row follow one another, so that those of one
 * host send to each other.
 *
 * @example Four ranks, each task done by two of them
 * ```ts
 * import assert from "node:assert/strict";
 * import { WorkerGrid } from "@tekfac/tekfac/distributed";
 *
 * const grid = new WorkerGrid(4, 2, [5, 3]); // rows 0 1, 2 3
 * assert.deepEqual([0, 1, 2, 3].map((rank) => grid.does(0, rank)), [true, false, true, false]);
 * assert.deepEqual([0, 1, 2, 3].map((rank) => grid.supplierOf(0, rank)), [0, 0, 2, 2]);
 * assert.deepEqual(grid.doersOf(1), [1, 3]);
 * ```
 */
export class WorkerGrid {
  /** Ranks that do a task. */
  readonly workers: number;
  readonly #columns: number;
  /** By task. */
  readonly #columnOf: readonly number[];

  /**
   * Gives each task to a column, the most expensive first.
   *
   * @param workers How many ranks do a task; a divisor of `ranks`.
   * @param costs Of the tasks, in any unit.
   */
  constructor(ranks: number, workers: number, costs: readonly number[]) {
    this.workers = workers;
    this.#columns = ranks / workers;
    this.#columnOf = assigned(costs, this.#columns);
  }

  /** Whether a rank does a task. */
  does(task: number, rank: number): boolean {
    return this.supplierOf(task, rank) === rank;
  }

  /** The ranks that do a task, ascending. */
  doersOf(task: number): readonly number[] {
    return Array.from(
      { length: this.workers },
      (_, row) => row * this.#columns + this.#columnOf[task],
    );
  }

  /** The rank from which another one gets what came of a task: itself, where it does it. */
  supplierOf(task: number, rank: number): number {
    return rank - rank % this.#columns + this.#columnOf[task];
  }
}

/**
 * Numbers of workers that there can be of a task, the fewest first.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { workerCounts } from "@tekfac/tekfac/distributed";
 *
 * assert.deepEqual(workerCounts(6), [1, 2, 3, 6]);
 * ```
 */
export function workerCounts(ranks: number): number[] {
  return Array.from({ length: ranks }, (_, i) => i + 1).filter((count) => ranks % count === 0);
}

/**
 * The largest number of workers that is at most this share of the ranks, and 1 at least.
 *
 * @param fraction In (0, 1].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { workersOf } from "@tekfac/tekfac/distributed";
 *
 * assert.equal(workersOf(0.5, 6), 3);
 * assert.equal(workersOf(0.9, 6), 3); // 4 and 5 do not divide 6
 * ```
 */
export function workersOf(fraction: number, ranks: number): number {
  // A share such as 1 / 3 may be rounded.
  const most = Math.max(1, fraction * ranks * (1 + 2 ** -40));
  return workerCounts(ranks).findLast((count) => count <= most)!;
}
