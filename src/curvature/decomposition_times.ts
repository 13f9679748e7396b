/**
 * What decompositions take on the machines of a group.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { Random } from "../core/random.ts";
import type { Reduction } from "../distributed/reduction.ts";
import { isInverse, type RefreshJob, runJobs } from "./refresh_job.ts";

/** Largest size that is tried; of larger ones the time grows with the cube. */
const LARGEST = 256;

/** Milliseconds that a kind and size is tried for, and runs at most. */
const [LONG_ENOUGH, RUNS] = [10, 5];

/**
 * Seconds of decompositions by their kind and size. Each is tried once, before the first refresh in which it occurs, by
 * all ranks at the same time on a random factor: what the real ones will take differs by as little, and there is nothing
 * to be given to other ranks later on. The times of all ranks are added up, so that all have the same.
 *
 * @example A group of one rank does not have to know
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { soloGroup } from "@tekfac/tekfac/distributed";
 *
 * using backend = await createBackend();
 * using group = soloGroup();
 * const times = new DecompositionTimes(backend, group.reductionOn("Cannot refresh", backend));
 * assert.deepEqual(times.of([]), []);
 * ```
 */
export class DecompositionTimes {
  readonly #backend: Backend;
  readonly #reduction: Reduction;
  readonly #seconds = new Map<string, number>();

  /** Holds nothing that would have to be disposed. */
  constructor(backend: Backend, reduction: Reduction) {
    this.#backend = backend;
    this.#reduction = reduction;
  }

  /**
   * Seconds of each job, of all ranks together. Where a size is new, all ranks call it with the same jobs.
   */
  of(jobs: readonly RefreshJob[]): number[] {
    if (this.#reduction.size === 1) return jobs.map(() => 1);
    const fresh = new Map(jobs.map((job) => [keyOf(job), job]));
    for (const key of this.#seconds.keys()) fresh.delete(key);
    if (fresh.size > 0) this.#learn([...fresh]);
    return jobs.map((job) =>
      this.#seconds.get(keyOf(job))! * Math.max(1, sizeOf(job) / LARGEST) ** 3
    );
  }

  #learn(fresh: readonly (readonly [key: string, job: RefreshJob])[]): void {
    const backend = this.#backend;
    backend.scope(() => {
      const sums = backend.scratch(1, fresh.length);
      backend.write(sums, fresh.map(([, job]) => this.#secondsOf(job)));
      this.#reduction.sum({ matrix: sums });
      const seconds = backend.readSync(sums);
      fresh.forEach(([key], i) => this.#seconds.set(key, seconds[i]));
    });
  }

  /** The fastest of a few. */
  #secondsOf(job: RefreshJob): number {
    const backend = this.#backend;
    return backend.scope(() => {
      const like = likeOf(backend, Math.min(sizeOf(job), LARGEST), isInverse(job));
      const began = performance.now();
      let least = Infinity;
      for (let run = 0; run < RUNS && performance.now() - began < LONG_ENOUGH; run++) {
        const started = performance.now();
        runJobs(backend, [like]);
        least = Math.min(least, performance.now() - started);
      }
      // The clock may be too coarse for small ones.
      return least / 1000 + 1e-10 * like.matrix.rows ** 2;
    });
  }
}

function sizeOf({ matrix: { rows } }: RefreshJob): number {
  return rows;
}

function keyOf(job: RefreshJob): string {
  return `${isInverse(job) ? "inverse" : "eigenproblem"} ${Math.min(sizeOf(job), LARGEST)}`;
}

/** A job of this size, of a factor of as many random rows as it has columns; in scratch memory. */
function likeOf(backend: Backend, size: number, inverse: boolean): RefreshJob {
  const random = new Random(size);
  const [rows, matrix, out] = [0, 1, 2].map(() => backend.scratch(size, size));
  backend.write(rows, Float32Array.from({ length: size ** 2 }, () => random.normal()));
  backend.secondMoment(matrix, rows, { decay: 0, scale: 1 / size });
  if (inverse) {
    return { inverse: out, matrix, scale: 1, shift: 1, status: backend.scratch(1, 1) };
  }
  return { matrix, vectors: out, values: backend.scratch(1, size), status: backend.scratch(1, 3) };
}
