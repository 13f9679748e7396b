/**
 * What decompositions take on the machines of a group.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { Random } from "../core/random.ts";

/** Largest size that is tried; of larger ones the time grows with the cube. */
const LARGEST = 256;

/** Milliseconds that a kind and size is tried for; runs at most, and at least, since one may be interrupted. */
const [TRIED, RUNS, LEAST_RUNS] = [10, 5, 3];

/** An eigenproblem of a matrix, or an inverse. */
export interface Decomposition {
  /** Symmetric, [n, n]. */
  readonly matrix: Pick<Matrix, "rows">;
  /** There where it is an inverse. */
  readonly inverse?: unknown;
}

/**
 * Seconds of decompositions, of all ranks together. Each kind and size is tried once, on a random factor: what the real
 * ones will take differs by as little, and there is nothing to be given to other ranks later on.
 */
export class DecompositionSeconds {
  readonly #backend: Backend;
  readonly #added: (numbers: readonly number[]) => readonly number[];
  /** By kind and size. */
  readonly #known = new Map<string, number>();

  /** @param added Sums over all ranks. */
  constructor(backend: Backend, added: (numbers: readonly number[]) => readonly number[]) {
    this.#backend = backend;
    this.#added = added;
  }

  /** Of some; where a size is new, all ranks call it with the same. */
  of(jobs: readonly Decomposition[]): readonly number[] {
    const kinds = jobs.map(({ matrix, inverse }) => {
      const size = Math.min(matrix.rows, LARGEST);
      const isInverse = inverse !== undefined;
      return { name: `${isInverse ? "inverse" : "eigenproblem"} ${size}`, size, isInverse };
    });
    const fresh = new Map(kinds.map((kind) => [kind.name, kind]));
    for (const name of this.#known.keys()) fresh.delete(name);
    if (fresh.size > 0) {
      const own = [...fresh.values()].map(({ size, isInverse }) => this.#try(size, isInverse));
      const seconds = this.#added(own);
      [...fresh.keys()].forEach((name, i) => this.#known.set(name, seconds[i]));
    }
    return jobs.map(({ matrix: { rows } }, i) =>
      this.#known.get(kinds[i].name)! * Math.max(1, rows / LARGEST) ** 3
    );
  }

  /** Seconds of the fastest of a few runs on a factor of as many random rows as it has columns. */
  #try(size: number, isInverse: boolean): number {
    const backend = this.#backend;
    return backend.scope(() => {
      const random = new Random(size);
      const [rows, matrix, out] = [0, 1, 2].map(() => backend.scratch(size, size));
      const [values, status] = [backend.scratch(1, size), backend.scratch(1, isInverse ? 1 : 3)];
      backend.write(rows, Float32Array.from({ length: size ** 2 }, () => random.normal()));
      backend.secondMoment(matrix, rows, { decay: 0, scale: 1 / size });
      const began = performance.now();
      let least = Infinity;
      const isOver = () => performance.now() - began >= TRIED;
      for (let run = 0; run < LEAST_RUNS || (run < RUNS && !isOver()); run++) {
        const started = performance.now();
        if (isInverse) backend.choleskyInverse(out, matrix, 1, 1, status);
        else backend.eigh([{ matrix, vectors: out, values, status }]);
        least = Math.min(least, performance.now() - started);
      }
      // The clock may be too coarse for small ones.
      return least / 1000 + 1e-10 * size ** 2;
    });
  }
}
