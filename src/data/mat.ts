/**
 * MATLAB's files of version 5 (MathWorks, "MAT-File Format"), as far as data sets need them: numeric
 * arrays, plain or compressed, read variable by variable as a stream.
 *
 * A file is a header of 128 bytes and then elements: a tag with type and length, the data, padding to a
 * multiple of 8 bytes. An array is an element of elements: flags, sizes, name, numbers. A compressed array
 * is an element that holds a zlib stream, without padding.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { ByteReader } from "./byte_reader.ts";
import type { NamedFile } from "./files.ts";

/** How the numbers of an array are stored. */
export type MatNumbers = keyof typeof BYTES;

/** One array, while its numbers have not been read. */
export interface MatVariable {
  /** Its name in MATLAB. */
  readonly name: string;
  /** Its sizes; numbers are stored with the first index running fastest. */
  readonly sizes: readonly number[];
  /** How its numbers are stored, little-endian. */
  readonly numbers: MatNumbers;
  /** Yields the numbers' bytes. */
  readonly reader: ByteReader;
}

const HEADER = 128;
const MATRIX = 14;
const COMPRESSED = 15;
/** More bytes of flags, sizes or name than any array of a data set has: a sign of damage. */
const LONGEST_HEADING = 4096;

/** Types of elements that are numbers. */
const TYPES: Readonly<Record<number, MatNumbers>> = {
  ...{ 1: "int8", 2: "uint8", 3: "int16", 4: "uint16" },
  ...{ 5: "int32", 6: "uint32", 7: "single", 9: "double" },
};
const BYTES = {
  ...{ int8: 1, uint8: 1, int16: 2, uint16: 2 },
  ...{ int32: 4, uint32: 4, single: 4, double: 8 },
} as const;

/** The classes of arrays that hold numbers: double, single, and the integers. */
const isNumeric = (kind: number): boolean => kind >= 6 && kind <= 13;

/**
 * Calls `visit` with every numeric array of a file, in the file's order. What it does not read of the
 * numbers is passed over.
 *
 * @throws {DataError} When the file is truncated, damaged, or not of this format.
 */
export async function eachMatVariable(
  file: NamedFile,
  visit: (variable: MatVariable) => Promise<void>,
): Promise<void> {
  const reader = new ByteReader(file.name, file.stream());
  try {
    await checkHeader(reader, file);
    while (!(await reader.atEnd())) {
      const { type, size, padded } = await readTag(reader);
      if (type === COMPRESSED) {
        const bytes = reader.part(size, "a compressed array").pipeThrough(inflater());
        await readCompressed(file.name, bytes, visit);
      } else if (type === MATRIX) {
        const rest = reader.part(padded, "an array");
        await readArray(file.name, new ByteReader(file.name, rest), visit);
      } else await reader.skip(padded);
    }
  } finally {
    await reader.close();
  }
}

async function checkHeader(reader: ByteReader, { name, size }: NamedFile): Promise<void> {
  const header = new Uint8Array(HEADER);
  const received = await reader.fill(header);
  // Version 0x0100 and the letters MI, as a little-endian machine writes them.
  const signature = String.fromCharCode(...header.subarray(124));
  if (received === HEADER && signature === "\u0000\u0001IM") return;
  throw new DataError(
    name,
    "expected a MATLAB file of version 5 in little-endian order (save it with -v7 or -v6), received " +
      `${size} bytes of another format`,
  );
}

async function readCompressed(
  source: string,
  bytes: ReadableStream<Uint8Array>,
  visit: (variable: MatVariable) => Promise<void>,
): Promise<void> {
  const reader = new ByteReader(source, bytes);
  try {
    const { type } = await readTag(reader);
    if (type === MATRIX) await readArray(source, reader, visit);
    else await reader.skip(Infinity);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const problem =
      "expected complete compressed arrays, received one that is truncated or damaged";
    throw new DataError(source, problem, { cause });
  } finally {
    await reader.close();
  }
}

/** Reads what follows the tag of an array, to its end. */
async function readArray(
  source: string,
  reader: ByteReader,
  visit: (variable: MatVariable) => Promise<void>,
): Promise<void> {
  const flags = await readElement(source, reader, "array flags");
  const sizes = await readElement(source, reader, "array sizes");
  const name = await readElement(source, reader, "an array's name");
  if (isNumeric(flags[0])) {
    const { type, size, small } = await readTag(reader);
    const numbers = TYPES[type];
    const variable = {
      name: new TextDecoder().decode(name),
      sizes: Array.from(
        { length: sizes.length / 4 },
        (_, i) => new DataView(sizes.buffer).getInt32(4 * i, true),
      ),
      numbers,
      reader: small === undefined ? reader : new ByteReader(source, streamOf(small)),
    };
    const count = variable.sizes.reduce((product, length) => product * length, 1);
    if (numbers === undefined || count * BYTES[numbers] !== size) {
      throw new DataError(
        source,
        `expected ${count} numbers of array '${variable.name}', received ${size} bytes of type ${type}`,
      );
    }
    await visit(variable);
  }
  await reader.skip(Infinity);
}

/** Length, type and, when it is inside the tag, the content of an element. */
interface Tag {
  readonly type: number;
  readonly size: number;
  /** Bytes until the next element. */
  readonly padded: number;
  readonly small?: Uint8Array;
}

async function readTag(reader: ByteReader): Promise<Tag> {
  const bytes = await reader.take(8, "an element's tag");
  const view = new DataView(bytes.buffer);
  const first = view.getUint32(0, true);
  const inside = first >>> 16; // the length, when the content is in the tag's other half
  if (inside > 0) {
    return { type: first & 0xffff, size: inside, padded: 0, small: bytes.slice(4, 4 + inside) };
  }
  const size = view.getUint32(4, true);
  return { type: first, size, padded: 8 * Math.ceil(size / 8) };
}

async function readElement(source: string, reader: ByteReader, noun: string): Promise<Uint8Array> {
  const { size, padded, small } = await readTag(reader);
  if (size > LONGEST_HEADING) {
    throw new DataError(
      source,
      `expected at most ${LONGEST_HEADING} bytes of ${noun}, received ${size}`,
    );
  }
  return small ?? (await reader.take(padded, noun)).slice(0, size);
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** The types of streams do not agree on who owns a chunk's buffer; at run time there is no difference. */
function inflater(): ReadableWritablePair<Uint8Array, Uint8Array> {
  return new DecompressionStream("deflate") as ReadableWritablePair<Uint8Array, Uint8Array>;
}

/** All numbers of a variable. */
export async function matNumbers(variable: MatVariable): Promise<Float64Array> {
  const { sizes, numbers, reader, name } = variable;
  const count = sizes.reduce((product, length) => product * length, 1);
  const bytes = await reader.take(count * BYTES[numbers], `array '${name}'`);
  const view = new DataView(bytes.buffer);
  const read: Record<MatNumbers, (at: number) => number> = {
    int8: (at) => view.getInt8(at),
    uint8: (at) => view.getUint8(at),
    int16: (at) => view.getInt16(at, true),
    uint16: (at) => view.getUint16(at, true),
    int32: (at) => view.getInt32(at, true),
    uint32: (at) => view.getUint32(at, true),
    single: (at) => view.getFloat32(at, true),
    double: (at) => view.getFloat64(at, true),
  };
  return Float64Array.from({ length: count }, (_, i) => read[numbers](i * BYTES[numbers]));
}
