/**
 * Eigenproblems on several threads: one matrix at a time on each of them, the largest first, so that
 * none is left over at the end that keeps a single thread busy.
 *
 * @module
 */

import type { EighJob, EighTicket, Verbs } from "../../backend.ts";
import type { Kernels as BackendKernels } from "../../kernels.ts";
import { addressOf, type Machine } from "../module/machine.ts";
import { MOST_TASKS } from "./control.ts";
import { type Parallel, wholeLines } from "./parallel.ts";
import type { Batch } from "./pool.ts";

/** Names of the kernels that tasks of this topic call. */
export const EIGENSOLVER_KERNELS: readonly string[] = ["eigh"];

/** The verbs of this topic, to take the place of those for one thread. */
export type ParallelEigensolver =
  & Pick<Verbs, "eigh">
  & Required<Pick<BackendKernels, "beginEigh">>;

/** The verbs of this topic on one machine. */
export function createParallelEigensolver(
  machine: Machine,
  { pool, kernels }: Parallel,
): ParallelEigensolver {
  const bytesFor = (jobs: readonly EighJob[]): number =>
    Math.max(...jobs.map(({ matrix }) => wholeLines(kernels.eighWorkspace(matrix.rows))));

  const solve = (jobs: readonly EighJob[]): void => {
    for (let first = 0; first < jobs.length; first += MOST_TASKS) {
      const part = jobs.slice(first, first + MOST_TASKS);
      const work = part.reduce((sum, job) => sum + workOf(job), 0);
      const threads = part.length === 1 || work < pool.grain ? 1 : pool.threads;
      const workspaceBytes = bytesFor(part);
      machine.withWorkspace(threads * workspaceBytes, (workspace) => {
        if (threads > 1) pool.run({ ...batchOf(part), workspace, workspaceBytes }, work);
        else for (const job of part) kernels.eigh(...taskOf(job), workspace);
      });
    }
  };

  return {
    eigh: (jobs) => solve(largestFirst(jobs)),

    beginEigh(jobs) {
      const sorted = largestFirst(jobs);
      // What does not fit into one batch is left for the end.
      const rest = sorted.slice(MOST_TASKS);
      const begun = sorted.slice(0, MOST_TASKS);
      if (begun.length === 0) return ticket(() => true, () => {});
      const workspaceBytes = bytesFor(begun);
      const room = machine.allocate(pool.threads * workspaceBytes / Float32Array.BYTES_PER_ELEMENT);
      const pending = pool.begin({ ...batchOf(begun), workspace: room.address, workspaceBytes });
      if (pending === undefined) {
        machine.release(room);
        return ticket(() => false, () => solve(sorted));
      }
      const finish = () => {
        try {
          pending.finish();
        } finally {
          machine.release(room);
        }
        solve(rest);
      };
      return ticket(() => rest.length === 0 && pending.ready, finish);
    },
  };
}

/** A ticket whose `finish` has an effect once. */
function ticket(isReady: () => boolean, finish: () => void): EighTicket {
  let finished = false;
  return {
    get ready(): boolean {
      return finished || isReady();
    },
    finish() {
      if (finished) return;
      finished = true;
      finish();
    },
  };
}

/** Equal sizes stay in their order. */
function largestFirst(jobs: readonly EighJob[]): readonly EighJob[] {
  return [...jobs].sort((x, y) => y.matrix.rows - x.matrix.rows);
}

/** About three products. */
function workOf({ matrix: { rows: n } }: EighJob): number {
  return 6 * n ** 3;
}

function batchOf(jobs: readonly EighJob[]): Pick<Batch, "kernel" | "tasks" | "repeatable"> {
  return { kernel: "eigh", tasks: jobs.map(taskOf), repeatable: true };
}

/** The arguments of the kernel, but for the workspace; see `asm/eigh.ts`. */
function taskOf({ matrix, vectors, values, status, previous, staleness = 0 }: EighJob): number[] {
  // deno-fmt-ignore
  return [
    matrix.rows, staleness, addressOf(vectors), vectors.stride, addressOf(values),
    addressOf(status), addressOf(matrix), matrix.stride,
    previous ? addressOf(previous) : 0, previous?.stride ?? 0,
  ];
}
