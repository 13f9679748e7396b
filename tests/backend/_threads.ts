/** What the tests of threads share. */

import {
  type Backend,
  CheckedBackend,
  createThreadedKernels,
  type EighJob,
} from "@tekfac/tekfac/backend";
import { type OwnedMatrix, Random } from "@tekfac/tekfac/core";

/** Threads that share every verb, however small, from the first on. */
export const sharing = (threads: number): Backend =>
  new CheckedBackend(createThreadedKernels({ threads, grain: 0 }), []);

/** Standard normal numbers, the same for the same seed. */
export function normal(backend: Backend, rows: number, cols: number, seed: number): OwnedMatrix {
  const random = new Random(seed);
  const matrix = backend.alloc(rows, cols);
  backend.write(matrix, Float32Array.from({ length: rows * cols }, () => random.normal()));
  return matrix;
}

/** A seeded symmetric matrix, and room for its eigenvectors. */
export function eighJob(backend: Backend, n: number): EighJob {
  using x = normal(backend, n + 3, n, n);
  const [matrix, vectors] = [backend.alloc(n, n), backend.alloc(n, n)];
  backend.secondMoment(matrix, x);
  return { matrix, vectors, values: backend.alloc(1, n), status: backend.alloc(1, 3) };
}
