/**
 * The wrappings of DEFLATE: gzip (RFC 1952) and zlib (RFC 1950), checked to the last byte.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { type ByteSource, generatedSource } from "./byte_source.ts";
import { adler32, crc32 } from "./checksums.ts";
import { Inflater } from "./inflate.ts";
import { InflateError } from "./inflate_error.ts";

/** Whether bytes begin like a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The content of a gzip file: of all its members, one after the other, up to zeros that may follow them.
 *
 * @param name Of the file, for messages. A `DataError` tells of damage when it is met.
 */
export function gunzipped(name: string, packed: ByteSource): ByteSource {
  return inflated(name, "a complete gzip file", packed, gzipPieces);
}

/** The content of a zlib stream. */
export function unzlibbed(name: string, packed: ByteSource): ByteSource {
  return inflated(name, "complete compressed arrays", packed, zlibPieces);
}

function inflated(
  name: string,
  noun: string,
  packed: ByteSource,
  pieces: (inflater: Inflater) => AsyncGenerator<Uint8Array, void>,
): ByteSource {
  const content = generatedSource(pieces(new Inflater(packed)));
  return {
    async next() {
      try {
        return await content.next();
      } catch (cause) {
        if (!(cause instanceof InflateError)) throw cause;
        const problem = `expected ${noun}, received one that is truncated or damaged`;
        throw new DataError(name, problem, { cause });
      }
    },
    async close() {
      await content.close();
      await packed.close();
    },
  };
}

async function* gzipPieces(inflater: Inflater): AsyncGenerator<Uint8Array, void> {
  let first: number | undefined = 0x1f; // whoever calls has seen it
  await takeByte(inflater);
  while (first === 0x1f) {
    await skipGzipHeader(inflater);
    let length = 0;
    let sum = crc32.start;
    for await (const piece of bodyOf(inflater)) {
      length += piece.length;
      sum = crc32.after(sum, piece);
      yield piece;
    }
    const trailer = new DataView((await take(inflater, 8)).buffer);
    check(trailer.getUint32(0, true) === sum, "the checksum");
    check(trailer.getUint32(4, true) === length % 2 ** 32, "the length");
    do [first] = await inflater.takeBytes(1); while (first === 0);
  }
  check(first === undefined, "bytes behind the end");
}

/** The rest of a member's header, from its second byte on. */
async function skipGzipHeader(inflater: Inflater): Promise<void> {
  const [magic, method, flags] = await take(inflater, 9);
  check(magic === 0x8b && method === 8 && flags < 0x20, "the header");
  if (flags & 4) {
    const [low, high] = await take(inflater, 2);
    await take(inflater, low + 256 * high);
  }
  for (const text of [8, 16]) {
    while (flags & text && await takeByte(inflater) !== 0);
  }
  if (flags & 2) await take(inflater, 2);
}

async function* zlibPieces(inflater: Inflater): AsyncGenerator<Uint8Array, void> {
  const [method, flags] = await take(inflater, 2);
  const known = (method & 15) === 8 && method >> 4 <= 7 && (flags & 32) === 0;
  check(known && (256 * method + flags) % 31 === 0, "the header");
  let sum = adler32.start;
  for await (const piece of bodyOf(inflater)) {
    sum = adler32.after(sum, piece);
    yield piece;
  }
  const trailer = new DataView((await take(inflater, 4)).buffer);
  check(trailer.getUint32(0) === sum, "the checksum");
  check((await inflater.takeBytes(1)).length === 0, "bytes behind the end");
}

async function* bodyOf(inflater: Inflater): AsyncGenerator<Uint8Array, void> {
  inflater.restart();
  for (;;) {
    const piece = await inflater.read();
    if (piece.length === 0) return;
    yield piece;
  }
}

async function take(inflater: Inflater, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await inflater.takeBytes(count);
  check(bytes.length === count, "the end of the input");
  return bytes;
}

async function takeByte(inflater: Inflater): Promise<number> {
  return (await take(inflater, 1))[0];
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new InflateError(what);
}
