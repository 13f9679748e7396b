/**
 * The kernels that are timed on a GPU, each with a check that needs nothing but its inputs.
 *
 * @module
 */

import { type Backend, type EighJob, EighStatus, flopsOf } from "@tekfac/tekfac/backend";
import { type OwnedMatrix, Random, rowsOf } from "@tekfac/tekfac/core";
import type { Enqueued } from "./device.ts";

/** A kernel on matrices of one size. */
export interface GpuTask extends Disposable {
  /** `"gemm, n = 1024"`. */
  readonly name: string;
  /** Additions and multiplications. */
  readonly flops: number;
  /** Enqueues it. */
  readonly run: () => void;
  /**
   * Compares what the last run left with the definition.
   *
   * @throws {Error} When they differ by more than rounding.
   */
  readonly verify: () => Promise<void>;
}

/** n standard normal numbers. */
export function normals(n: number, seed = 1): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: n }, () => random.normal());
}

/** `C = A B`, all [n, n]. */
export function gemmTask(backend: Backend, n: number, a: Float32Array, b: Float32Array): GpuTask {
  const { matrices: [left, right, c], dispose } = allocate(backend, [n, n], [n, n], [n, n]);
  backend.write(left, a);
  backend.write(right, b);
  return {
    name: `gemm, n = ${n}`,
    flops: flopsOf("gemm", { m: n, n, k: n }),
    run: () => backend.gemm(c, left, right),
    verify: async () => verifyProduct(await backend.read(c), a, b, n),
    [Symbol.dispose]: dispose,
  };
}

/** Compares a sample of the entries of `C = A B` with sums in float64. */
export function verifyProduct(
  c: ArrayLike<number>,
  a: Float32Array,
  b: Float32Array,
  n: number,
): void {
  for (let e = 0; e < 100; e++) {
    const [i, j] = [(e * 7919) % n, (e * 104729 + 13) % n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
    mustAgree(c[i * n + j], sum, n);
  }
}

/** `C = X^T X / rows`, X [rows, d]. */
export function secondMomentTask(backend: Backend, rows: number, d: number): GpuTask {
  const { matrices: [x, c], dispose } = allocate(backend, [rows, d], [d, d]);
  const numbers = normals(rows * d);
  backend.write(x, numbers);
  return {
    name: `secondMoment, ${rows} x ${d}`,
    flops: flopsOf("secondMoment", { n: rows, d }),
    run: () => backend.secondMoment(c, x, { scale: 1 / rows }),
    verify: async () => {
      const moments = await backend.read(c);
      for (let e = 0; e < 100; e++) {
        const [i, j] = [(e * 7919) % d, (e * 104729 + 13) % d];
        let sum = 0;
        for (let k = 0; k < rows; k++) sum += numbers[k * d + i] * numbers[k * d + j];
        mustAgree(moments[i * d + j] * rows, sum, rows);
        if (moments[i * d + j] !== moments[j * d + i]) throw new Error("C is not symmetric");
      }
    },
    [Symbol.dispose]: dispose,
  };
}

/** Cold eigenvectors of `count` covariances [n, n] together. */
export function eighTask(backend: Backend, n: number, count: number): GpuTask {
  const { matrices: [x, all, vectors, values, status], dispose } = allocate(
    backend,
    [2 * n, n],
    [count * n, n],
    [count * n, n],
    [count, n],
    [count, 3],
  );
  const jobs = Array.from({ length: count }, (_, i): EighJob => {
    const matrix = rowsOf(all, i * n, (i + 1) * n);
    backend.write(x, normals(2 * n * n, i));
    backend.secondMoment(matrix, x, { scale: 1 / (2 * n) });
    return {
      matrix,
      vectors: rowsOf(vectors, i * n, (i + 1) * n),
      values: rowsOf(values, i, i + 1),
      status: rowsOf(status, i, i + 1),
    };
  });
  return {
    name: `eigh, ${count} matrices, n = ${n}, cold`,
    flops: count * flopsOf("eigh", { n }),
    run: () => backend.eigh(jobs),
    verify: async () => {
      for (const job of jobs) {
        const reads = [job.matrix, job.vectors, job.values, job.status];
        const [a, q, lambda, outcome] = await Promise.all(reads.map((m) => backend.read(m)));
        if (outcome[0] !== EighStatus.jacobi) throw new Error(`eigh ended with ${outcome[0]}`);
        verifyEigenbasis(a, q, lambda, n);
      }
    },
    [Symbol.dispose]: dispose,
  };
}

/** `A Q v = Q (lambda v)` and `Q^T Q v = v` for one vector v of signs. */
function verifyEigenbasis(
  a: ArrayLike<number>,
  q: ArrayLike<number>,
  lambda: ArrayLike<number>,
  n: number,
): void {
  const v = Float64Array.from({ length: n }, (_, i) => (i * 7919) % 3 === 0 ? -1 : 1);
  const qv = times(q, v, n);
  const [left, right] = [times(a, qv, n), times(q, v.map((sign, i) => sign * lambda[i]), n)];
  const back = times(q, qv, n, true);
  for (let i = 0; i < n; i++) {
    mustAgree(left[i], right[i], Math.sqrt(n));
    mustAgree(back[i], v[i], Math.sqrt(n));
  }
}

/** `X v`, or `X^T v`, X [n, n]. */
function times(x: ArrayLike<number>, v: Float64Array, n: number, transposed = false): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += x[transposed ? j * n + i : i * n + j] * v[j];
    return sum;
  });
}

function mustAgree(actual: number, expected: number, scale: number): void {
  // Written so that NaN is an error.
  if (Math.abs(actual - expected) <= 1e-5 * scale) return;
  throw new Error(`Wrong result: expected ${expected}, received ${actual}`);
}

function allocate(
  backend: Backend,
  ...shapes: readonly (readonly [rows: number, cols: number])[]
): { readonly matrices: OwnedMatrix[]; readonly dispose: () => void } {
  const matrices = shapes.map(([rows, cols]) => backend.alloc(rows, cols));
  return { matrices, dispose: () => matrices.forEach((matrix) => matrix[Symbol.dispose]()) };
}

/** What {@linkcode GpuTask} and `timeEnqueued` have in common. */
export function enqueued(backend: Backend, task: GpuTask): Enqueued {
  return { run: task.run, wait: () => backend.flush() };
}
