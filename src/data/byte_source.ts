/**
 * Bytes one piece at a time, each made when it is asked for.
 *
 * @module
 */

/** Where bytes come from. */
export interface ByteSource {
  /** The next bytes, at least one, valid until the next call; `undefined` when nothing is left. */
  next(): Promise<Uint8Array | undefined>;
  /** Ends reading; what is left is never read. */
  close(): Promise<void>;
}

/** The bytes of a stream. */
export function streamSource(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader();
  return {
    async next() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        if (value.length > 0) return value;
      }
    },
    close: () => reader.cancel().catch(() => {}), // of a stream that failed, the failure is known
  };
}

/** Bytes in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  let left: Uint8Array | undefined = bytes.length === 0 ? undefined : bytes;
  return {
    next() {
      const all = left;
      left = undefined;
      return Promise.resolve(all);
    },
    close: () => Promise.resolve(),
  };
}

/** What an asynchronous generator yields; pieces without bytes are passed over. */
export function generatedSource(pieces: AsyncGenerator<Uint8Array, void>): ByteSource {
  return {
    async next() {
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) return undefined;
        if (value.length > 0) return value;
      }
    },
    async close() {
      await pieces.return();
    },
  };
}
