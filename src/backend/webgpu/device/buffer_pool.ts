/**
 * Buffers by size class, taken again instead of made anew. Commands run in the order in which they are
 * enqueued, so a buffer may change hands while earlier work on it is still to be done.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";

/** A buffer with a number of its own, by which bind groups are found again. */
export interface PooledBuffer {
  /** Unique within the pool. */
  readonly id: number;
  /** Size in bytes: of its class, at least what was asked for. */
  readonly size: number;
  /** The buffer. */
  readonly gpu: GPUBuffer;
}

/** Smallest class in bytes. */
const SMALLEST = 256;

/** Free bytes that are always kept; beyond, as many as are in use. */
const KEPT_BYTES = 256 * 2 ** 20;

/** Size of the class that `bytes` fall into: four classes between powers of two. */
export function classSize(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
  const step = Math.max(SMALLEST, 2 ** (Math.ceil(Math.log2(bytes)) - 3));
  return Math.ceil(bytes / step) * step;
}

/** Storage buffers of one device. */
export class BufferPool {
  /** Bytes of all buffers, in use or free. */
  reservedBytes = 0;
  readonly #device: GPUDevice;
  readonly #onTrim: () => void;
  readonly #free = new Map<number, PooledBuffer[]>();
  #freeBytes = 0;
  #made = 0;

  /**
   * Starts empty.
   *
   * @param onTrim Called before free buffers are destroyed: what refers to them has to be let go.
   */
  constructor(device: GPUDevice, onTrim: () => void) {
    this.#device = device;
    this.#onTrim = onTrim;
  }

  /**
   * A buffer of at least so many bytes, with unspecified content.
   *
   * @returns The buffer, and whether it is new and therefore full of zeros.
   * @throws {BackendError} When it would be larger than the device allows.
   */
  take(bytes: number): { readonly buffer: PooledBuffer; readonly zeroed: boolean } {
    const { maxBufferSize } = this.#device.limits;
    if (bytes > maxBufferSize) {
      throw new BackendError(
        "webgpu",
        `cannot hold a matrix of ${bytes} bytes: the device allows ${maxBufferSize} per buffer`,
      );
    }
    const size = Math.min(classSize(bytes), maxBufferSize - maxBufferSize % 16);
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) {
      this.#freeBytes -= size;
      return { buffer: free, zeroed: false };
    }
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const gpu = this.#device.createBuffer({ size, usage });
    this.reservedBytes += size;
    return { buffer: { id: this.#made++, size, gpu }, zeroed: true };
  }

  /** Takes a buffer back. */
  give(buffer: PooledBuffer): void {
    const list = this.#free.get(buffer.size);
    if (list === undefined) this.#free.set(buffer.size, [buffer]);
    else list.push(buffer);
    this.#freeBytes += buffer.size;
    if (this.#freeBytes > KEPT_BYTES + (this.reservedBytes - this.#freeBytes)) this.trim();
  }

  /** Destroys the free buffers. */
  trim(): void {
    this.#onTrim();
    for (const list of this.#free.values()) list.forEach(({ gpu }) => gpu.destroy());
    this.#free.clear();
    this.reservedBytes -= this.#freeBytes;
    this.#freeBytes = 0;
  }
}
