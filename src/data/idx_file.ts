/**
 * One file in the IDX format, from bytes to numbers.
 *
 * A file is `00 00 type dimensions`, then one big-endian 32-bit size per dimension, then the numbers,
 * big-endian too, the last index running fastest.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { allocated, ByteReader } from "./byte_reader.ts";
import { memorySource } from "./byte_source.ts";
import { gunzipped, isGzip } from "./compressed.ts";

/** Bytes together with the name they go by in messages. */
export interface NamedBytes {
  /** Where the bytes come from. */
  readonly name: string;
  /** The content, plain or compressed by gzip. */
  readonly bytes: Uint8Array;
}

/** What is expected of an IDX file. */
export interface IdxLayout {
  /** What it holds. */
  readonly noun: "images" | "labels";
  /** How many sizes it may have; the first is the usual one. */
  readonly dimensions: readonly number[];
}

/** The sizes and numbers of a file. */
export interface IdxNumbers {
  /** All > 0. */
  readonly sizes: readonly number[];
  /** Numbers of the file's type; bytes where that is unsigned bytes. */
  readonly data: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

/** More than DEFLATE makes of a byte: 258 bytes for two bits. */
const MOST_INFLATED = 1032;

/** Types of numbers: how long one is, and what the content becomes. */
const TYPES: Readonly<
  Record<number, { bytes: number; read: (view: DataView) => IdxNumbers["data"] }>
> = {
  0x08: { bytes: 1, read: ({ buffer }) => new Uint8Array(buffer) },
  0x09: { bytes: 1, read: ({ buffer }) => new Int8Array(buffer) },
  0x0b: {
    bytes: 2,
    read: (view) => filled(new Int16Array(view.byteLength / 2), (i) => view.getInt16(2 * i)),
  },
  0x0c: {
    bytes: 4,
    read: (view) => filled(new Int32Array(view.byteLength / 4), (i) => view.getInt32(4 * i)),
  },
  0x0d: {
    bytes: 4,
    read: (view) => filled(new Float32Array(view.byteLength / 4), (i) => view.getFloat32(4 * i)),
  },
  0x0e: {
    bytes: 8,
    read: (view) => filled(new Float64Array(view.byteLength / 8), (i) => view.getFloat64(8 * i)),
  },
};

/**
 * Reads a file. Of a compressed one no more is inflated than its header promises, and a byte.
 *
 * @throws {DataError} When it is truncated, damaged, too long, empty or of another layout.
 */
export async function readIdx(file: NamedBytes, layout: IdxLayout): Promise<IdxNumbers> {
  const { name, bytes } = file;
  const packed = isGzip(bytes);
  const plain = memorySource(bytes);
  const reader = new ByteReader(name, packed ? gunzipped(name, plain) : plain);
  try {
    const { type, sizes } = await readHeader(name, reader, layout);
    const { bytes: each, read } = TYPES[type];
    const header = 4 + 4 * sizes.length;
    const count = sizes.reduce((product, size) => product * size, each);
    const problem = (fault: string, received: string) =>
      new DataError(
        name,
        `expected ${header + count} bytes for ${layout.noun} of ${sizes.join(" x ")}, received ` +
          `${received}, so the file is ${fault}${swapped(sizes, each, bytes.length - header)}`,
      );
    const most = packed ? MOST_INFLATED * bytes.length : bytes.length - header;
    if (count > most) {
      const received = packed ? `${bytes.length} compressed ones` : `${bytes.length}`;
      throw problem("truncated", received);
    }
    const content = allocated(name, count, layout.noun);
    const received = await reader.fill(content);
    if (received < count) throw problem("truncated", `${header + received}`);
    if (!(await reader.atEnd())) throw problem("too long", packed ? "more" : `${bytes.length}`);
    return { sizes, data: read(new DataView(content.buffer)) };
  } finally {
    await reader.close();
  }
}

async function readHeader(
  name: string,
  reader: ByteReader,
  layout: IdxLayout,
): Promise<{ type: number; sizes: number[] }> {
  const { noun, dimensions } = layout;
  const usual = 4 + 4 * dimensions[0];
  const start = new Uint8Array(4);
  const short = (received: number) =>
    new DataError(
      name,
      `expected an IDX file of ${noun} with a header of ${usual} bytes, received ` +
        `${received} bytes in all`,
    );
  const received = await reader.fill(start);
  if (received < 4) throw short(received);
  const [zero, none, type, count] = start;
  if (zero !== 0 || none !== 0 || !(type in TYPES) || !dimensions.includes(count)) {
    throw new DataError(
      name,
      `expected an IDX file of ${noun}, which begins with ${hex([0, 0, 8, dimensions[0]])}, ` +
        `received ${hex(start)}${guess(start, layout)}`,
    );
  }
  const rest = new Uint8Array(4 * count);
  const more = await reader.fill(rest);
  if (more < rest.length) throw short(4 + more);
  const view = new DataView(rest.buffer);
  const sizes = Array.from({ length: count }, (_, i) => view.getUint32(4 * i));
  if (sizes.includes(0)) {
    throw new DataError(
      name,
      `expected at least one of its ${noun}, received ${sizes.join(" x ")}`,
    );
  }
  return { type, sizes };
}

function hex(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** What else the bytes look like. */
function guess([zero, none, type, count]: Uint8Array, { noun, dimensions }: IdxLayout): string {
  if (zero !== 0 || none !== 0) return "";
  if (!(type in TYPES)) return " (numbers of an unknown type)";
  if (dimensions.includes(count)) return "";
  return noun === "images" && count <= 2 ? " (labels)" : count === 3 ? " (images)" : "";
}

/** Whether the sizes would fit if their bytes stood in the other order. */
function swapped(sizes: readonly number[], each: number, length: number): string {
  const view = new DataView(new ArrayBuffer(4));
  const other = sizes.map((size) => {
    view.setUint32(0, size);
    return view.getUint32(0, true);
  });
  const fits = other.reduce((product, size) => product * size, each) === length;
  return fits ? ` (its sizes are in the wrong byte order: ${other.join(" x ")})` : "";
}

function filled<T extends Int16Array | Int32Array | Float32Array | Float64Array>(
  numbers: T,
  read: (i: number) => number,
): T {
  for (let i = 0; i < numbers.length; i++) numbers[i] = read(i);
  return numbers;
}
