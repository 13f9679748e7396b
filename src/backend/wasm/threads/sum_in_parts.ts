/**
 * Sums over examples, in as many parts as there are threads. Each share of the examples makes a sum of
 * its own; these are added in the order of the examples, whoever computed them. So a result depends
 * on the number of threads, but on nothing that happens at run time.
 *
 * @module
 */

import { BYTES, type Kernel, wholeLines } from "./parallel.ts";
import type { ThreadPool } from "./pool.ts";
import { evenRanges, type Range } from "./split.ts";

/** A sum, and room for its parts. */
export interface Sum {
  /** Name of the kernel that sums one part. */
  readonly kernel: string;
  /** Number of examples (or locations) that are summed over. */
  readonly terms: number;
  /** Shape of the result. */
  readonly rows: number;
  /** Shape of the result. */
  readonly cols: number;
  /** Address of the result. */
  readonly out: number;
  /** Its row stride. */
  readonly stride: number;
  /** Weight of what it held. */
  readonly decay: number;
  /** Room for the kernels, and behind it for the parts; see {@linkcode bytesOfParts}. */
  readonly workspace: number;
  /** Bytes of it for each kernel. */
  readonly workspaceBytes: number;
  /** Operations in all. */
  readonly work: number;
}

/** Where a part of the sum goes. */
export interface Part {
  /** Address of a matrix of the result's shape. */
  readonly out: number;
  /** Its row stride. */
  readonly stride: number;
  /** Weight of what it held. */
  readonly decay: number;
}

/** Bytes behind the kernels' workspaces. */
export function bytesOfParts(threads: number, rows: number, cols: number): number {
  return (threads - 1) * wholeLines(BYTES * rows * cols);
}

/**
 * Sums. The first part is summed in the result itself.
 *
 * @param pool The threads.
 * @param sum What is summed.
 * @param taskOf Arguments of the kernel for a range of the terms.
 * @param axpby Adds two matrices.
 */
export function sumInParts(
  pool: ThreadPool,
  sum: Sum,
  taskOf: (range: Range, part: Part) => readonly number[],
  axpby: Kernel,
): void {
  const { kernel, terms, rows, cols, out, stride, decay, workspace, workspaceBytes, work } = sum;
  const start = workspace + pool.threads * workspaceBytes;
  const bytes = wholeLines(BYTES * rows * cols);
  const ranges = evenRanges(terms, pool.threads, 1);
  const parts = ranges.map((_, i): Part =>
    i === 0 ? { out, stride, decay } : { out: start + (i - 1) * bytes, stride: cols, decay: 0 }
  );
  const tasks = ranges.map((range, i) => taskOf(range, parts[i]));
  pool.run({ kernel, tasks, workspace, workspaceBytes }, work);
  for (const part of parts.slice(1)) {
    axpby(rows, cols, 1, 1, out, stride, part.out, part.stride);
  }
}
