/**
 * Which rank of a group preconditions which layers.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { bestWorkers, type Network, sharedSeconds, type SharedTask } from "./network.ts";
import type { Reduction } from "./reduction.ts";
import type { MadeDirection, Working } from "./working.ts";
import { WorkerGrid, workersOf } from "./worker_grid.ts";

/** Steps in which every rank makes all directions: from the second on they are timed. */
const TIMED = 4;

/** Share of the time of all directions that others must stay below: a few steps do not tell times exactly. */
const WORTH_IT = 0.8;

/**
 * Shares out the directions of a step: a layer's is made by some of the ranks, and the others get it from one of these.
 * In the first steps all ranks make all; what takes how long there decides who makes which, the most expensive first,
 * and, where it is not given, by how many ranks each is made ({@linkcode bestWorkers}).
 */
export class Workers implements Working {
  readonly #backend: Backend;
  readonly #reduction: Reduction;
  readonly #fraction: number | "auto";
  /** Least milliseconds of each parameter's direction so far. */
  readonly #times: number[];
  #steps = 0;
  #grid: WorkerGrid | undefined;

  /**
   * Of so many parameters.
   *
   * @param fraction Share of the ranks that make each direction, in (0, 1], or that which is fastest.
   * @param grid Who makes which, where it is known already.
   */
  constructor(
    backend: Backend,
    reduction: Reduction,
    count: number,
    fraction: number | "auto",
    grid?: WorkerGrid,
  ) {
    this.#grid = grid;
    this.#backend = backend;
    this.#reduction = reduction;
    this.#fraction = fraction;
    this.#times = new Array<number>(count).fill(Infinity);
  }

  /** How many ranks make each direction, in words. */
  get plan(): string {
    const { size } = this.#reduction;
    const { workers = size } = this.#grid ?? {};
    const open = this.#grid === undefined && this.#fraction !== 1 ? ", so far" : "";
    return `directions by ${workers} of ${size} ranks each${open}`;
  }

  /** Makes a direction, or does what little belongs to the others' as well. */
  make(index: number, { own, others }: { own: () => void; others: () => void }): void {
    if (this.#grid !== undefined) {
      return this.#grid.does(index, this.#reduction.rank) ? own() : others();
    }
    const started = performance.now();
    own();
    const time = performance.now() - started;
    if (this.#steps > 0) this.#times[index] = Math.min(this.#times[index], time);
  }

  /** Ends the directions of a step: all ranks have all of them after it. */
  share(made: readonly MadeDirection[]): void {
    const grid = this.#grid;
    if (grid === undefined) {
      this.#steps++;
      if (this.#steps === TIMED) this.#decide(made);
      return;
    }
    if (grid.workers === this.#reduction.size) return;
    const matrices = made.map(({ direction }) => direction);
    this.#reduction.supply(matrices, (i, rank) => grid.supplierOf(made[i].index, rank));
  }

  /** What is fastest, if it is worth it. */
  #fastest(tasks: readonly SharedTask[], network: Network): number {
    const { size } = this.#reduction;
    const best = bestWorkers(tasks, size, network);
    const seconds = (workers: number) => sharedSeconds(tasks, size, workers, network);
    return seconds(best) < WORTH_IT * seconds(size) ? best : size;
  }

  /** From sums of all ranks' times, so that all decide alike. */
  #decide(made: readonly MadeDirection[]): void {
    const backend = this.#backend;
    const reduction = this.#reduction;
    const { size } = reduction;
    const { times, bytes } = backend.scope(() => {
      const sums = backend.scratch(1, this.#times.length);
      backend.write(sums, this.#times.map((time) => Number.isFinite(time) ? time : 0));
      reduction.sum({ matrix: sums });
      const read = backend.readSync(sums);
      return { times: Array.from(read), bytes: read.BYTES_PER_ELEMENT };
    });
    const numbers = new Map(
      made.map(({ index, direction: { rows, cols } }) => [index, rows * cols]),
    );
    const tasks = times.map((milliseconds, index) => {
      const count = numbers.get(index) ?? 0;
      // The clock may be too coarse for small ones.
      return { seconds: milliseconds / 1000 / size + 1e-10 * count, bytes: bytes * count };
    });
    const workers = this.#fraction === "auto"
      ? this.#fastest(tasks, reduction.measure())
      : workersOf(this.#fraction, size);
    this.#grid = new WorkerGrid(size, workers, tasks.map(({ seconds }) => seconds));
  }
}
