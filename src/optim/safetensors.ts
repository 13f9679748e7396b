/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header, raw numbers.
 * Small enough to own; the core has no dependency for it.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

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
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

const metadataKey = "__metadata__";

/**
 * The bytes of a file.
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
  const header: Record<string, unknown> = { [metadataKey]: metadata };
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    const dtype = data instanceof Float64Array ? "F64" : "F32";
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  let text = JSON.stringify(header);
  // Padding with spaces, so that the numbers start at a multiple of 8.
  text += " ".repeat((8 - new TextEncoder().encode(text).length % 8) % 8);
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + head.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let offset = 8 + head.length;
  for (const { data } of Object.values(arrays)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a file of float32 and float64 arrays.
 *
 * @throws {DataError} When the bytes are truncated, or not of this format.
 */
export function decodeSafetensors(bytes: Uint8Array, source = "safetensors"): SafetensorsFile {
  if (bytes.length < 8) {
    throw new DataError(source, `expected at least 8 bytes, received ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headLength = Number(view.getBigUint64(0, true));
  if (headLength > bytes.length - 8) {
    throw new DataError(
      source,
      `expected a header of ${headLength} bytes, received ${
        bytes.length - 8
      }; the file is truncated ` +
        "or not a safetensors file",
    );
  }
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headLength)));
  } catch (cause) {
    throw new DataError(source, "its header is not JSON", { cause });
  }
  const { [metadataKey]: metadata = {}, ...entries } = header;
  const arrays: Record<string, NamedArray> = {};
  for (const [name, entry] of Object.entries(entries)) {
    arrays[name] = decodeArray(bytes, 8 + headLength, name, entry, source);
  }
  return { arrays, metadata: metadata as unknown as Record<string, string> };
}

function decodeArray(
  bytes: Uint8Array,
  start: number,
  name: string,
  entry: { dtype?: unknown; shape?: unknown; data_offsets?: unknown },
  source: string,
): NamedArray {
  const { dtype, shape, data_offsets: offsets } = entry;
  const size = dtype === "F32" ? 4 : dtype === "F64" ? 8 : 0;
  if (size === 0) {
    throw new DataError(source, `array '${name}': expected F32 or F64, received ${dtype}`);
  }
  if (!Array.isArray(shape) || !Array.isArray(offsets)) {
    throw new DataError(source, `array '${name}' has no shape or place`);
  }
  const length = shape.reduce((product: number, n: number) => product * n, 1);
  const [from, to] = offsets as [number, number];
  if (to - from !== length * size || start + to > bytes.length) {
    throw new DataError(
      source,
      `array '${name}': expected ${length * size} bytes, received ` +
        `${
          Math.max(0, Math.min(to, bytes.length - start) - from)
        }; the file is truncated or damaged`,
    );
  }
  // A copy, as the place in the file need not be aligned.
  const copy = bytes.slice(start + from, start + to).buffer;
  return { shape, data: size === 4 ? new Float32Array(copy) : new Float64Array(copy) };
}
