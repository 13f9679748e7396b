/**
 * Eigenvectors of symmetric matrices.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** See `asm/eigh.ts`, which also chooses the solver. */
interface Exports {
  eighWorkspace(n: number): number;
  // deno-fmt-ignore
  eigh(
    n: number, staleness: number, vectors: number, strideV: number, values: number, status: number,
    matrix: number, strideM: number, previous: number, strideP: number, workspace: number,
  ): void;
}

/** The verb of this topic. */
export type Eigensolver = Pick<Verbs, "eigh">;

/** The verb of this topic on one machine. */
export function createEigensolver(machine: Machine): Eigensolver {
  const kernels = machine.exports as unknown as Exports;
  return {
    eigh(jobs) {
      for (const { matrix, vectors, values, status, previous, staleness = 0 } of jobs) {
        machine.withWorkspace(kernels.eighWorkspace(matrix.rows), (workspace) => {
          // deno-fmt-ignore
          kernels.eigh(
            matrix.rows, staleness, addressOf(vectors), vectors.stride, addressOf(values),
            addressOf(status), addressOf(matrix), matrix.stride,
            previous ? addressOf(previous) : 0, previous?.stride ?? 0, workspace,
          );
        });
      }
    },
  };
}
