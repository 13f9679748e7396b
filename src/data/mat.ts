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
import { memorySource, streamSource } from "./byte_source.ts";
import { unzlibbed } from "./compressed.ts";
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
  ...{ 5: "int32", 6: "uint32", 7: "single", 9: "double", 12: "int64", 13: "uint64" },
};
const BYTES = {
  ...{ int8: 1, uint8: 1, int16: 2, uint16: 2 },
  ...{ int32: 4, uint32: 4, single: 4, double: 8, int64: 8, uint64: 8 },
} as const;

/** The classes of arrays that hold numbers: double, single, and the integers of 8 to 64 bits. */
const isNumeric = (kind: number): boolean => kind >= 6 && kind <= 15;
/** The bit of an array's flags that tells of imaginary parts. */
const COMPLEX = 8;
/** More than DEFLATE makes of a byte: 258 bytes for two bits. */
const MOST_INFLATED = 1032;

/** What of a file is of interest. */
export interface MatVisitor {
  /** Whether an array's numbers are wanted; those of others are neither inflated nor looked at. */
  readonly wants: (name: string) => boolean;
  /** Reads the numbers of an array that is wanted. */
  readonly visit: (variable: MatVariable) => Promise<void>;
}

/**
 * Visits the numeric arrays of a file that are wanted, in the file's order. Of a compressed array no more
 * is inflated than its sizes promise, and a piece of 64 KiB.
 *
 * @throws {DataError} When the file is truncated, damaged, or not of this format, or has an array that is
 * wanted twice, with complex numbers, or with sizes that are no positive integers.
 */
export async function eachMatVariable(file: NamedFile, visitor: MatVisitor): Promise<void> {
  const { name } = file;
  const reader = new ByteReader(name, streamSource(file.stream()));
  const seen = new Set<string>();
  const once: MatVisitor = {
    ...visitor,
    visit(variable) {
      if (!seen.has(variable.name)) return visitor.visit((seen.add(variable.name), variable));
      throw new DataError(name, `expected one array '${variable.name}', received several`);
    },
  };
  try {
    await checkHeader(reader, file);
    while (!(await reader.atEnd())) {
      const { type, size, padded } = await readTag(name, reader);
      if (size > file.size) {
        const problem = `expected an element of ${size} bytes, received a file of ${file.size}`;
        throw new DataError(name, `${problem}, so the file is truncated`);
      }
      if (type === COMPRESSED) await readCompressed(name, reader, size, once);
      else if (type === MATRIX) await readPlain(name, reader, padded, once);
      else await reader.skip(padded, "an element");
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

async function readPlain(
  file: string,
  reader: ByteReader,
  size: number,
  visitor: MatVisitor,
): Promise<void> {
  const part = reader.part(size, "an array");
  await readArray(file, new ByteReader(file, part), size, visitor);
  await part.close();
}

async function readCompressed(
  file: string,
  reader: ByteReader,
  packedSize: number,
  visitor: MatVisitor,
): Promise<void> {
  const part = reader.part(packedSize, "a compressed array");
  const inflated = new ByteReader(file, unzlibbed(file, part));
  const { type, padded } = await readTag(file, inflated);
  if (type === MATRIX) {
    const content = new ByteReader(file, inflated.part(padded, "an array"));
    const wanted = await readArray(file, content, MOST_INFLATED * packedSize, visitor);
    // The checksum stands behind the end, so what was used is read to the end.
    if (wanted && !(await content.atEnd() && await inflated.atEnd())) {
      throw new DataError(file, "expected a compressed array to end behind its numbers");
    }
  }
  await part.close();
}

/**
 * Reads what follows the tag of an array, to the end of its numbers.
 *
 * @param most Bytes of numbers that there can be at most.
 * @returns Whether the array was wanted.
 */
async function readArray(
  file: string,
  reader: ByteReader,
  most: number,
  { wants, visit }: MatVisitor,
): Promise<boolean> {
  const flags = await readElement(file, reader, "array flags");
  const lengths = await readElement(file, reader, "array sizes");
  const name = new TextDecoder().decode(await readElement(file, reader, "an array's name"));
  if (!isNumeric(flags[0]) || !wants(name)) return false;
  const view = new DataView(lengths.buffer, lengths.byteOffset, lengths.byteLength);
  const sizes = Array.from(
    { length: Math.floor(lengths.length / 4) },
    (_, i) => view.getInt32(4 * i, true),
  );
  if (sizes.length < 2 || !sizes.every((size) => size > 0)) {
    throw new DataError(
      file,
      `expected sizes of array '${name}' that are positive integers, received ${sizes.join(" x ")}`,
    );
  }
  if (flags[1] & COMPLEX) {
    throw new DataError(file, `expected real numbers in array '${name}', received complex ones`);
  }
  const { type, size, padded, small } = await readTag(file, reader);
  const numbers = TYPES[type];
  const count = sizes.reduce((product, length) => product * length, 1);
  if (numbers === undefined || count * BYTES[numbers] !== size || size > most) {
    throw new DataError(
      file,
      `expected ${count} numbers of array '${name}', received ${size} bytes of type ${type}` +
        (size > most ? " in a file that is too short for them" : ""),
    );
  }
  const content = small === undefined ? reader : new ByteReader(file, memorySource(small));
  await visit({ name, sizes, numbers, reader: content });
  if (small === undefined) await reader.skip(padded - size, "an array's padding");
  return true;
}

/** Length, type and, when it is inside the tag, the content of an element. */
interface Tag {
  readonly type: number;
  readonly size: number;
  /** Bytes until the next element. */
  readonly padded: number;
  readonly small?: Uint8Array;
}

async function readTag(file: string, reader: ByteReader): Promise<Tag> {
  const bytes = await reader.take(8, "an element's tag");
  const view = new DataView(bytes.buffer);
  const first = view.getUint32(0, true);
  const inside = first >>> 16; // the length, when the content is in the tag's other half
  if (inside > 4) {
    throw new DataError(file, `expected at most 4 bytes inside a tag, received ${inside}`);
  }
  if (inside > 0) {
    return { type: first & 0xffff, size: inside, padded: 0, small: bytes.slice(4, 4 + inside) };
  }
  const size = view.getUint32(4, true);
  return { type: first, size, padded: 8 * Math.ceil(size / 8) };
}

async function readElement(file: string, reader: ByteReader, noun: string): Promise<Uint8Array> {
  const { size, padded, small } = await readTag(file, reader);
  if (size > LONGEST_HEADING) {
    throw new DataError(
      file,
      `expected at most ${LONGEST_HEADING} bytes of ${noun}, received ${size}`,
    );
  }
  return small ?? (await reader.take(padded, noun)).slice(0, size);
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
    int64: (at) => Number(view.getBigInt64(at, true)),
    uint64: (at) => Number(view.getBigUint64(at, true)),
  };
  return Float64Array.from({ length: count }, (_, i) => read[numbers](i * BYTES[numbers]));
}
