/**
 * Eigenproblems solved beside training: matrices are read in one batch, solved in WebAssembly, on workers
 * where there are threads, and written when their results are wanted. The device computes on meanwhile.
 *
 * Whoever wants results before they are there has them solved on the device: nobody waits, and no result
 * is older than its caller allows.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { EighJob, EighTicket } from "../../backend.ts";
import type { Kernels } from "../../kernels.ts";
import type { OpenDevice } from "../device/adapter.ts";
import type { Machine } from "../device/machine.ts";

/** Looks for finished workers after so many milliseconds. */
const POLL_MS = 2;

/** What was solved on the host, and what it kept the host from. */
interface Solved {
  /** For each job its vectors, values and status. */
  readonly results: readonly (readonly [Matrix, Float32Array | Float64Array][])[];
  /** Milliseconds of the calling thread. */
  readonly busyMs: number;
}

/** WebAssembly beside a device. */
export class HostEigensolver {
  readonly #machine: Machine;
  readonly #threads: number | "auto";
  #kernels: Promise<Kernels> | undefined;
  #disposed = false;

  /** Starts nothing yet. */
  constructor(machine: Machine, threads: OpenDevice["threads"]) {
    this.#machine = machine;
    this.#threads = threads;
  }

  /**
   * Begins to solve.
   *
   * @param onDevice Solves jobs on the device.
   * @param onSolved Is told how many milliseconds of the calling thread it took.
   */
  begin(
    jobs: readonly EighJob[],
    onDevice: (jobs: readonly EighJob[]) => void,
    onSolved: (busyMs: number) => void,
  ): EighTicket {
    let solved: Solved | undefined;
    let finished = false;
    this.#solve(jobs).then((result) => {
      if (finished || this.#disposed) return;
      solved = result;
      onSolved(result.busyMs);
    }, () => {
      // What fails here, or on a device that is lost, is solved or reported where results are wanted.
    });
    return {
      get ready(): boolean {
        return finished || solved !== undefined;
      },
      // Again where what was written has been put back.
      finish: () => {
        finished = true;
        if (solved === undefined) return onDevice(jobs);
        for (const written of solved.results) {
          for (const [m, numbers] of written) this.#machine.write(m, numbers);
        }
      },
    };
  }

  /** Ends the workers. */
  dispose(): void {
    this.#disposed = true;
    this.#kernels?.then((kernels) => kernels.dispose(), () => {});
  }

  async #solve(jobs: readonly EighJob[]): Promise<Solved> {
    const inputs = jobs.flatMap(({ matrix, previous }) => previous ? [matrix, previous] : [matrix]);
    const numbers = await this.#readTogether(inputs);
    const kernels = await (this.#kernels ??= this.#open());
    const owned: Matrix[] = [];
    let busyMs = 0;
    const busy = <T>(body: () => T): T => {
      const start = performance.now();
      try {
        return body();
      } finally {
        busyMs += performance.now() - start;
      }
    };
    const place = (rows: number, cols: number, data?: Float32Array): Matrix => {
      const storage = kernels.allocate(rows * cols);
      const m = { storage, offset: 0, rows, cols, stride: cols };
      owned.push(m);
      if (data !== undefined) kernels.write(m, data);
      return m;
    };
    try {
      const copies = busy(() => {
        let next = 0;
        return jobs.map((job): EighJob => {
          const n = job.matrix.rows;
          const matrix = place(n, n, numbers[next++]);
          const previous = job.previous && { previous: place(n, n, numbers[next++]) };
          const out = { vectors: place(n, n), values: place(1, n), status: place(1, 3) };
          return { ...job, ...out, ...previous, matrix };
        });
      });
      const ticket = busy(() => kernels.beginEigh?.(copies, {}));
      if (ticket === undefined) {
        for (const copy of copies) {
          busy(() => kernels.eigh([copy]));
          // Steps can be enqueued between two problems.
          await pause(0);
          if (this.#disposed) break;
        }
      } else {
        while (!ticket.ready && !this.#disposed) await pause(POLL_MS);
        busy(() => ticket.finish());
      }
      const results = busy(() =>
        jobs.map((job, i) =>
          (["vectors", "values", "status"] as const).map((name) =>
            [job[name], kernels.readSync(copies[i][name])] as [Matrix, Float32Array]
          )
        )
      );
      return { results, busyMs };
    } finally {
      for (const { storage } of owned) kernels.free(storage as ReturnType<Kernels["allocate"]>);
    }
  }

  /** Many matrices in one copy, one submission and one wait. */
  async #readTogether(matrices: readonly Matrix[]): Promise<Float32Array[]> {
    const machine = this.#machine;
    const lengths = matrices.map(({ rows, cols }) => rows * cols);
    const all = lengths.reduce((sum, length) => sum + length, 0);
    let pending: Promise<Float32Array> | undefined;
    machine.scope(() => {
      const packed = machine.temporary(1, all);
      let offset = 0;
      for (const m of matrices) {
        machine.copy({ ...packed, offset, rows: m.rows, cols: m.cols, stride: m.cols }, m);
        offset += m.rows * m.cols;
      }
      pending = machine.read(packed);
    });
    const numbers = await pending!;
    let start = 0;
    return lengths.map((length) => numbers.subarray(start, start += length));
  }

  /** The code for it is loaded only where it is used. */
  async #open(): Promise<Kernels> {
    const { createThreadedKernels } = await import("../../wasm/threads/threaded_kernels.ts");
    return createThreadedKernels({ threads: this.#threads });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
