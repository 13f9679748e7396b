/**
 * The header of a safetensors file: JSON that says which numbers lie where. All of it is checked before any
 * number is read.
 *
 * @module
 */

import { DataError } from "./errors.ts";
import { repeatedKey } from "./repeated_key.ts";
import { NUMBER_TYPES, type NumberType } from "./safetensors_numbers.ts";

/** Where an array lies, in bytes from the end of the header. */
export interface ArrayPlace {
  /** Name of the array. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Type of its numbers. */
  readonly type: NumberType;
  /** First byte. */
  readonly from: number;
  /** One behind the last byte. */
  readonly to: number;
}

/** A header that has been checked. */
export interface SafetensorsHeader {
  /** The arrays, in the order of the header. */
  readonly places: readonly ArrayPlace[];
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Name of the entry that is no array. */
export const METADATA = "__metadata__";

/** Memory that a value of JSON takes at most, besides its text. */
const VALUE_BYTES = 64;

/** What a small file may always take. */
const ROOM = 32 * 2 ** 20;

/**
 * Reads a header.
 *
 * @param text The header's bytes.
 * @param body Length of what follows the header.
 * @throws {DataError} When it is not JSON of the right form, names something twice, or its arrays do not cover
 * the body without overlap and hole.
 */
export function readHeader(source: string, text: Uint8Array, body: number): SafetensorsHeader {
  checkParts(source, text, body);
  const header = parsed(source, text);
  if (!isObject(header)) {
    throw new DataError(
      source,
      `expected a header that is a JSON object, received ${kind(header)}`,
    );
  }
  const { [METADATA]: metadata = {}, ...entries } = header;
  if (!isObject(metadata)) {
    throw new DataError(source, `expected metadata in a JSON object, received ${kind(metadata)}`);
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === "string") continue;
    throw new DataError(source, `metadata '${name}': expected text, received ${kind(value)}`);
  }
  const places = Object.entries(entries).map(([name, entry]) => placeOf(source, name, entry));
  checkCover(source, places, body);
  return { places, metadata: metadata as Record<string, string> };
}

/** A header of a few megabytes can hold so many values that they take gigabytes. */
function checkParts(source: string, text: Uint8Array, body: number): void {
  let parts = 0;
  for (const byte of text) {
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) parts++; // , [ {
  }
  if (VALUE_BYTES * parts <= text.length + body + ROOM) return;
  throw new DataError(source, `its header has ${parts} parts, too many for a file of its size`);
}

function parsed(source: string, text: Uint8Array): unknown {
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
    const header: unknown = JSON.parse(decoded);
    const repeated = repeatedKey(decoded);
    if (repeated !== undefined) throw new DataError(source, `its header has '${repeated}' twice`);
    return header;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(source, "its header is not JSON", { cause });
  }
}

function placeOf(source: string, name: string, entry: unknown): ArrayPlace {
  const subject = `array '${name}'`;
  if (!isObject(entry)) {
    throw new DataError(source, `${subject}: expected a JSON object, received ${kind(entry)}`);
  }
  const { dtype, shape, data_offsets: offsets, ...others } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(NUMBER_TYPES, dtype)) {
    const received = typeof dtype === "string" ? dtype : kind(dtype);
    const expected = Object.keys(NUMBER_TYPES).join(", ");
    throw new DataError(source, `${subject}: expected one of ${expected}, received ${received}`);
  }
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new DataError(source, `${subject}: expected a shape and two offsets, integers >= 0`);
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new DataError(source, `${subject} has an unknown '${unknown}'`);
  const type = NUMBER_TYPES[dtype];
  const bytes = shape.reduce((product, size) => product * size, type.width);
  const [from, to] = offsets;
  if (to - from !== bytes) {
    throw new DataError(source, `${subject}: expected ${bytes} bytes, received ${to - from}`);
  }
  return { name, shape, type, from, to };
}

/** So that every byte belongs to one array. */
function checkCover(source: string, places: readonly ArrayPlace[], body: number): void {
  let end = 0;
  for (const { name, from, to } of [...places].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) {
      const problem = `expected it at byte ${end} behind the header, received ${from}`;
      throw new DataError(source, `array '${name}': ${problem}: arrays overlap or leave a hole`);
    }
    end = to;
  }
  if (end === body) return;
  const problem = end > body ? "the file is truncated or damaged" : "no array covers the rest";
  throw new DataError(source, `expected ${end} bytes of numbers, received ${body}; ${problem}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function kind(value: unknown): string {
  if (value === undefined) return "nothing";
  return value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
