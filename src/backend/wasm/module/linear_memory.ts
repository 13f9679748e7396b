/**
 * The memory of a WebAssembly instance, as bytes that can run out and views that can go stale.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";

/** Bytes of a WebAssembly page. */
const PAGE = 65536;

/** Growth in steps of at least this many bytes, since each growth detaches every view. */
const SMALLEST_GROWTH = 4 << 20;

/** Linear memory with a view that is renewed after growth. Addresses are bytes from 0. */
export class LinearMemory {
  readonly #memory: WebAssembly.Memory;
  #view: Float32Array = new Float32Array(0);

  /** Looks at an instance's memory. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Bytes there are now. */
  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /**
   * All of the memory as float32. Ask again after anything that may allocate: growth detaches
   * views.
   */
  get view(): Float32Array {
    const buffer = this.#memory.buffer;
    if (this.#view.buffer !== buffer) this.#view = new Float32Array(buffer);
    return this.#view;
  }

  /**
   * Grows by `bytes` or more.
   *
   * @returns The new length in bytes.
   * @throws {BackendError} When the host has no more to give (at most 4 GiB).
   */
  grow(bytes: number): number {
    const wanted = Math.max(bytes, SMALLEST_GROWTH, this.byteLength >> 3);
    try {
      this.#memory.grow(Math.ceil(wanted / PAGE));
    } catch {
      try {
        this.#memory.grow(Math.ceil(bytes / PAGE));
      } catch (cause) {
        const held = (this.byteLength / 2 ** 20).toFixed(0);
        throw new BackendError(
          "wasm",
          `out of memory: ${bytes} bytes more than the ${held} MiB held were refused; ` +
            "try smaller batches, or dispose what is no longer used",
          { cause },
        );
      }
    }
    return this.byteLength;
  }
}
