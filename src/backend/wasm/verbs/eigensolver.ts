/**
 * Eigenvectors of symmetric matrices.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** The verb of this topic. */
export type Eigensolver = Pick<Verbs, "eigh">;

/** The verb of this topic on one machine. */
export function createEigensolver(machine: Machine): Eigensolver {
  const kernels = machine.exports;
  return {
    eigh(jobs) {
      for (const { matrix, vectors, values, status, previous, staleness = 0 } of jobs) {
        machine.withWorkspace(kernels.eighWorkspace(matrix.rows), (workspace) => {
          // deno-fmt-ignore
          kernels.eigh(
            matrix.rows, staleness, addressOf(vectors), vectors.stride, addressOf(values),
            addressOf(status), addressOf(matrix), matrix.stride,
            addressOf(previous), previous?.stride ?? 0, workspace,
          );
        });
      }
    },
  };
}
