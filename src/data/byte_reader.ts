/**
 * Reading a stream in pieces of one's own choice.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/** Hands out a stream's bytes in the sizes that a format asks for; holds one chunk of it at a time. */
export class ByteReader {
  readonly #source: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk = new Uint8Array(0);

  /** Reads a stream, whose source has a name for messages. The caller calls {@linkcode close}. */
  constructor(source: string, stream: ReadableStream<Uint8Array>) {
    this.#source = source;
    this.#reader = stream.getReader();
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
    const bytes = new Uint8Array(count);
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

  /** The next `count` bytes as a stream of their own; it fails with a `DataError` when fewer are left. */
  part(count: number, noun: string): ReadableStream<Uint8Array> {
    let left = count;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (left === 0) return controller.close();
        if (!(await this.#fetch())) throw this.#truncated(count, noun, count - left);
        const part = this.#chunk.subarray(0, left);
        this.#chunk = this.#chunk.subarray(part.length);
        left -= part.length;
        controller.enqueue(part);
      },
    }, { highWaterMark: 0 });
  }

  /** Passes over the next `count` bytes. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0 && await this.#fetch();) {
      const passed = Math.min(left, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(passed);
      left -= passed;
    }
  }

  /** Ends reading; what is left is never read. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {}); // of a stream that failed, the failure is known
  }

  #truncated(count: number, noun: string, received: number): DataError {
    const problem = `expected ${count} bytes of ${noun}, received ${received}`;
    return new DataError(this.#source, `${problem}, so the file is truncated`);
  }

  /** Makes sure that the chunk holds something, unless nothing is left. */
  async #fetch(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return false;
      this.#chunk = value as Uint8Array<ArrayBuffer>;
    }
    return true;
  }
}
