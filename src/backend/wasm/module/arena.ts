/**
 * Room for temporaries: a pointer that moves up, and back down when a scope ends.
 *
 * The arena consists of chunks taken from the heap. When the outermost scope ends and more than one
 * chunk was needed, they are replaced by a single one of their total size, so that after the first
 * round of a loop a scope neither allocates nor leaves gaps.
 *
 * @module
 */

import { type Heap, roundUp } from "./heap.ts";

/** The first chunk holds at least this many bytes. */
const SMALLEST_CHUNK = 1 << 20;

interface Chunk {
  readonly address: number;
  readonly length: number;
}

/** Where the next block would lie: a chunk, and the bytes of it that are taken. */
interface Position {
  readonly chunk: number;
  readonly taken: number;
}

/** A stack of scopes over chunks of a heap. Blocks start at multiples of 64 bytes. */
export class Arena {
  readonly #heap: Heap;
  #chunks: Chunk[] = [];
  #chunk = 0;
  #taken = 0;
  readonly #scopes: Position[] = [];

  /** Takes its chunks from `heap`, and keeps them. */
  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Number of open scopes. */
  get depth(): number {
    return this.#scopes.length;
  }

  /** Opens a scope. */
  push(): void {
    this.#scopes.push({ chunk: this.#chunk, taken: this.#taken });
  }

  /** The address of `bytes` bytes with unspecified content, until the innermost scope ends. */
  take(bytes: number): number {
    const length = roundUp(bytes);
    while (this.#chunk < this.#chunks.length) {
      const chunk = this.#chunks[this.#chunk];
      if (this.#taken + length <= chunk.length) {
        this.#taken += length;
        return chunk.address + this.#taken - length;
      }
      this.#chunk++;
      this.#taken = 0;
    }
    const total = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const size = Math.max(length, total, SMALLEST_CHUNK);
    const address = this.#heap.allocate(size);
    this.#chunks.push({ address, length: size });
    this.#taken = length;
    return address;
  }

  /** Ends the innermost scope: everything taken since it was opened is free again. */
  pop(): void {
    const position = this.#scopes.pop()!;
    this.#chunk = position.chunk;
    this.#taken = position.taken;
    if (this.#scopes.length === 0 && this.#chunks.length > 1) this.#merge();
  }

  #merge(): void {
    const length = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    for (const chunk of this.#chunks) this.#heap.release(chunk.address);
    this.#chunks = [];
    this.#chunks.push({ address: this.#heap.allocate(length), length });
    this.#chunk = 0;
    this.#taken = 0;
  }
}
