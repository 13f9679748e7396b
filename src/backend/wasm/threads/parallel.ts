/**
 * What the parallel kernels of all topics share.
 *
 * A parallel kernel is called like the one whose name it has, and computes the same; so the verbs in
 * `../` need not know whether there are threads. Its `...Workspace` asks for room for all of them.
 *
 * @module
 */

import type { ThreadPool } from "./pool.ts";

/** A kernel as JavaScript sees it: numbers go in, sizes and statuses come out. */
export type Kernel = (...args: number[]) => number;

/** Kernels by name. */
export type Kernels = Readonly<Record<string, Kernel>>;

/** The threads and the kernels that run on each of them. */
export interface Parallel {
  /** Runs batches of calls. */
  readonly pool: ThreadPool;
  /** Kernels on the main thread. */
  readonly kernels: Kernels;
}

/** Bytes of a float32. */
export const BYTES = 4;

/** Columns of whole register tiles, and rows of them in both builds; see `asm/gemm_tiles.ts`. */
export const TILE_COLUMNS = 8, TILE_ROWS = 30;

/** What moving one number to or from memory costs, in operations of a product. */
export const WORK_PER_NUMBER = 8;

/** From how many grains on a verb is cut finer, so that a thread that is held up delays it less. */
const FINE_GRAINS = 10;

/** In how many tasks a verb is cut where that makes no difference to its result. */
export function piecesOf(work: number, { threads, grain }: ThreadPool): number {
  return work < FINE_GRAINS * grain ? threads : 2 * threads;
}

/** `bytes` rounded up to whole cache lines, so that threads do not write to the same one. */
export function wholeLines(bytes: number): number {
  return Math.ceil((bytes >>> 0) / 64) * 64;
}
