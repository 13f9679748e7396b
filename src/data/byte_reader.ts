/**
 * Reading a stream in pieces of one's own choice.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import type { ByteSource } from "./byte_source.ts";

/** Hands out bytes in the sizes that a format asks for; holds one chunk of them at a time. */
export class ByteReader {
  readonly #name: string;
  readonly #source: ByteSource;
  #chunk: Uint8Array = new Uint8Array(0);

  /** Reads a source, which has a name for messages. The caller calls {@linkcode close}. */
  constructor(name: string, source: ByteSource) {
    this.#name = name;
    this.#source = source;
  }

  /** Whether nothing is left. */
  async atEnd(): Promise<boolean> {
    return !(await this.#fetch());
  }

  /**
   * Exactly `count` bytes, in a new array.
   *
   * @param noun What they are, for the message.
   * @throws {DataError} When fewer are left.
   */
  async take(count: number, noun: string): Promise<Uint8Array> {
    const bytes = allocated(this.#name, count, noun);
    const received = await this.fill(bytes);
    if (received === count) return bytes;
    throw this.#truncated(count, noun, received);
  }

  /** Writes as many bytes as are left and find room, and returns how many. */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length && await this.#fetch()) {
      const part = this.#chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return filled;
  }

  /** The next `count` bytes as a source of their own; it fails with a `DataError` when fewer are left. */
  part(count: number, noun: string): ByteSource {
    let left = count;
    return {
      next: async () => {
        if (left === 0) return undefined;
        if (!(await this.#fetch())) throw this.#truncated(count, noun, count - left);
        const part = this.#chunk.subarray(0, left);
        this.#chunk = this.#chunk.subarray(part.length);
        left -= part.length;
        return part;
      },
      // What was not read is passed over, so that reading goes on behind it.
      close: async () => {
        if (left > 0) await this.skip(left, noun);
        left = 0;
      },
    };
  }

  /**
   * Passes over the next `count` bytes.
   *
   * @param noun What they are, for the message.
   * @throws {DataError} When fewer are left.
   */
  async skip(count: number, noun: string): Promise<void> {
    let left = count;
    while (left > 0 && await this.#fetch()) {
      const passed = Math.min(left, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(passed);
      left -= passed;
    }
    if (left > 0) throw this.#truncated(count, noun, count - left);
  }

  /** Ends reading; what is left is never read. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  #truncated(count: number, noun: string, received: number): DataError {
    const problem = `expected ${count} bytes of ${noun}, received ${received}`;
    return new DataError(this.#name, `${problem}, so the file is truncated`);
  }

  /** Makes sure that the chunk holds something, unless nothing is left. */
  async #fetch(): Promise<boolean> {
    if (this.#chunk.length > 0) return true;
    const chunk = await this.#source.next();
    if (chunk === undefined) return false;
    this.#chunk = chunk;
    return true;
  }
}

/**
 * Room for bytes whose number a file tells.
 *
 * @param name Of the file, for messages.
 * @param noun What they are, for the message.
 * @throws {DataError} When the host has no such memory.
 */
export function allocated(name: string, count: number, noun: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(count);
  } catch (cause) {
    const problem = `expected ${noun} that find room in memory, received ${count} bytes of them`;
    throw new DataError(name, problem, { cause });
  }
}
