/**
 * A shared memory of fixed size that is used from its start.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";
import { LinearMemory } from "../module/linear_memory.ts";

/** Bytes of a WebAssembly page. */
const PAGE = 65536;

/** Sizes to ask for in MiB, until the host gives one. */
const SIZES: readonly number[] = [2048, 1024, 512, 256];

/**
 * A shared memory, as large as the host lets it be; it takes addresses, not storage, until it is
 * used.
 *
 * @throws {BackendError} When the host does not give any.
 */
export function createSharedMemory(): { memory: WebAssembly.Memory; pages: number } {
  for (const size of SIZES) {
    const pages = size * 2 ** 20 / PAGE;
    try {
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      return { memory, pages };
    } catch {
      // The next one is smaller.
    }
  }
  throw new BackendError("wasm", "this host gives no shared memory");
}

/** Counts as many bytes as have been asked for, though all are there. */
export class FixedMemory extends LinearMemory {
  readonly #buffer: ArrayBufferLike;
  #used: number;

  /** Looks at a memory of which the pages with the first `used` bytes are taken. */
  constructor(memory: WebAssembly.Memory, used: number) {
    super(memory);
    this.#buffer = memory.buffer;
    this.#used = roundToPages(used);
  }

  /** Bytes asked for so far. */
  override get byteLength(): number {
    return this.#used;
  }

  /** See {@linkcode LinearMemory.grow}. */
  override grow(bytes: number): number {
    const total = this.#buffer.byteLength;
    if (this.#used + bytes > total) {
      throw new BackendError(
        "wasm",
        `out of memory: ${bytes} bytes more than the ${(this.#used / 2 ** 20).toFixed(0)} MiB in ` +
          `use do not fit into ${total / 2 ** 20} MiB; try smaller batches, dispose what is no ` +
          "longer used, or take one thread, which may have 4 GiB",
      );
    }
    this.#used = Math.min(total, this.#used + roundToPages(bytes));
    return this.#used;
  }
}

function roundToPages(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}
