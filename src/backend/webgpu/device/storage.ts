/**
 * Numbers on the device.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { RawStorage } from "../../kernels.ts";
import type { PooledBuffer } from "./buffer_pool.ts";

/** Bytes of a float32. */
export const BYTES = 4;

/** A run of float32 numbers on the device. */
export class GpuStorage implements RawStorage {
  disposed = false;

  /**
   * Describes memory; takes none.
   *
   * @param buffer Holds the numbers from its first byte on.
   * @param length Number of elements.
   */
  constructor(readonly buffer: PooledBuffer, readonly length: number) {}
}

/** The buffer behind a matrix. */
export function bufferOf(m: Matrix): PooledBuffer {
  return (m.storage as GpuStorage).buffer;
}

/** Numbers from the first to the last one of a view, gaps included. */
export function spanOf(m: Matrix): number {
  return m.rows * m.cols === 0 ? 0 : (m.rows - 1) * m.stride + m.cols;
}
