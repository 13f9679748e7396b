/**
 * What a library must offer to be compared: prepare a task, run it, show the result.
 *
 * @module
 */

import type { Arrays, Work } from "./work.ts";

/** A library, ready to work. */
export interface Peer {
  /** Name and flavour: `"NumPy, OpenBLAS, 1 thread"`. */
  readonly name: string;
  /**
   * Takes a task's inputs over, in whatever layout suits the library; none of this is timed.
   *
   * @returns The task, or in words why the library cannot do it.
   */
  prepare(work: Work, inputs: Arrays): Promise<Task | string>;
  /** Ends what the library has started. */
  close(): Promise<void>;
}

/** A task whose inputs a library holds. */
export interface Task {
  /**
   * Does the work several times, one after the other, each to its end.
   *
   * @returns Milliseconds per run.
   */
  time(runs: number): Promise<number>;
  /**
   * What the last run computed, in our layout: the product; outputs, image and weight gradients of a
   * convolution; eigenvalues and eigenvectors in columns; the inverse.
   */
  result(): Promise<Arrays>;
  /** Gives inputs and results back. */
  close(): void;
}

/** Milliseconds per run of something that is done, or whose promise is kept, when it has been called. */
export async function timed(runs: number, run: () => void | Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) {
    const pending = run();
    if (pending !== undefined) await pending;
  }
  return (performance.now() - start) / runs;
}

/** The axes of a four-dimensional array in another order: axis i of the result is `order[i]` of `data`. */
export function transposed(
  data: Float32Array,
  shape: readonly number[],
  order: readonly [number, number, number, number],
): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const [s0, s1, s2, s3] = order.map((axis) => strides[axis]);
  const [n0, n1, n2, n3] = order.map((axis) => shape[axis]);
  const out = new Float32Array(data.length);
  let k = 0;
  for (let a = 0; a < n0; a++) {
    for (let b = 0; b < n1; b++) {
      for (let c = 0; c < n2; c++) {
        for (let d = 0; d < n3; d++) out[k++] = data[a * s0 + b * s1 + c * s2 + d * s3];
      }
    }
  }
  return out;
}

/** Channels-last to channels-first, of images or of weights [dOut, row, column, C]. */
export const CHANNELS_FIRST = [0, 3, 1, 2] as const;

/** Channels-first to channels-last. */
export const CHANNELS_LAST = [0, 2, 3, 1] as const;
