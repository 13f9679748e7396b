/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header, raw numbers.
 * Small enough to own; the core has no dependency for it.
 *
 * Files that are written here begin with a digest of themselves in their metadata. Others read them as usual, and
 * files of others, which have none, are read here.
 *
 * @module
 */

import { digestOf } from "./digest.ts";
import { DataError, ShapeError } from "./errors.ts";
import { METADATA, readHeader } from "./safetensors_header.ts";

/** A named array of a file. */
export interface NamedArray {
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** The numbers, row-major; float32 or float64. */
  readonly data: Float32Array | Float64Array;
}

/** Everything in a file. */
export interface SafetensorsFile {
  /** The arrays by name. */
  readonly arrays: Readonly<Record<string, NamedArray>>;
  /** Free text by name; `tekfac.digest` is no part of it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Name of the digest in the metadata. */
const DIGEST = "tekfac.digest";

/** How a header begins that has a digest: of header and body, 32 hexadecimal digits each. */
const BEGINNING = new TextEncoder().encode(`{"${METADATA}":{"${DIGEST}":"`);

const DIGITS = 64;

/**
 * The bytes of a file.
 *
 * @throws {ShapeError} When an array has another number of numbers than its shape says.
 *
 * @example Arrays into a file and back
 * ```ts
 * import assert from "node:assert/strict";
 * import { decodeSafetensors, encodeSafetensors } from "@tekfac/tekfac/optim";
 *
 * const weights = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const file = encodeSafetensors({ arrays: { weights }, metadata: { note: "mine" } });
 * const { arrays, metadata } = decodeSafetensors(file);
 * assert.deepEqual([...arrays.weights.data], [1, 2]);
 * assert.equal(metadata.note, "mine");
 * ```
 */
export function encodeSafetensors({ arrays, metadata }: SafetensorsFile): Uint8Array {
  const entries: [string, unknown][] = [];
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    if (shape.reduce((product, size) => product * size, 1) !== data.length) {
      const expected = `as many numbers as a shape [${shape.join(", ")}] has`;
      throw new ShapeError(`Cannot write array '${name}'`, expected, `${data.length}`);
    }
    const dtype = data instanceof Float64Array ? "F64" : "F32";
    entries.push([name, { dtype, shape, data_offsets: [end, end + data.byteLength] }]);
    end += data.byteLength;
  }
  const notes = Object.entries(metadata).filter(([name]) => name !== DIGEST);
  // The digest stands at a fixed place: keys that look like numbers would come before it in an object.
  let text = new TextDecoder().decode(BEGINNING) + "0".repeat(DIGITS) + '"' +
    members(notes) + "}" + members(entries) + "}";
  // Padding with spaces, so that the numbers start at a multiple of 8.
  text += " ".repeat((8 - new TextEncoder().encode(text).length % 8) % 8);
  const head = new TextEncoder().encode(text);
  const start = 8 + head.length;
  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let offset = start;
  for (const { data } of Object.values(arrays)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  bytes.set(new TextEncoder().encode(digests(bytes, start)), 8 + BEGINNING.length);
  return bytes;
}

/**
 * Reads a file. Arrays own their numbers: of half precision they become float32, integers float64.
 *
 * @param bytes A whole file; a view into a larger buffer will do.
 * @param source What messages call it.
 * @throws {DataError} When the bytes are truncated or damaged, or not of this format: arrays that overlap, leave a
 * hole or lie outside, a name twice, a digest that is another file's.
 */
export function decodeSafetensors(bytes: Uint8Array, source = "safetensors"): SafetensorsFile {
  const start = startOf(bytes, source);
  if (hasDigest(bytes)) {
    const at = 8 + BEGINNING.length;
    const kept = new TextDecoder().decode(bytes.subarray(at, at + DIGITS));
    if (kept !== digests(bytes, start)) {
      throw new DataError(source, "its digest is not that of its bytes; the file is damaged");
    }
  }
  const header = readHeader(source, bytes.subarray(8, start), bytes.length - start);
  const { [DIGEST]: _, ...metadata } = header.metadata;
  const arrays = header.places.map(({ name, shape, type, from, to }) => {
    // A copy, as the place in the file need not be aligned. A Buffer's own slice would not be one.
    const copy = new Uint8Array(bytes.subarray(start + from, start + to)).buffer;
    return [name, { shape, data: type.decode(copy) }];
  });
  return { arrays: Object.fromEntries(arrays), metadata };
}

/** Whether a file says what its digest is. Every file does that was written here since there are digests. */
export function hasDigest(bytes: Uint8Array): boolean {
  const at = 8 + BEGINNING.length;
  return bytes.length >= at + DIGITS && BEGINNING.every((byte, index) => bytes[8 + index] === byte);
}

/** Where the numbers begin. */
function startOf(bytes: Uint8Array, source: string): number {
  if (bytes.length < 8) {
    throw new DataError(source, `expected at least 8 bytes, received ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length <= bytes.length - 8) return 8 + length;
  const problem = `expected a header of ${length} bytes, received ${bytes.length - 8}`;
  throw new DataError(source, `${problem}; the file is truncated or not a safetensors file`);
}

/** Digest of the header with zeros in place of the digests, then that of the body. */
function digests(bytes: Uint8Array, start: number): string {
  const head = new Uint8Array(bytes.subarray(0, start));
  head.fill(0x30, 8 + BEGINNING.length, 8 + BEGINNING.length + DIGITS);
  return digestOf(head) + digestOf(bytes.subarray(start));
}

/** `,"name":value` for each. */
function members(entries: readonly (readonly [string, unknown])[]): string {
  return entries.map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join("");
}
