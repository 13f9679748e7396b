/**
 * Which data a training saw, in a few characters.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { batches, type Dataset } from "@tekfac/tekfac/data";

/**
 * The first 64 bits of the SHA-256 of a data set's numbers, in hexadecimal digits; the same for numbers and
 * for the bytes that stand for them.
 */
export function fingerprint(dataset: Dataset): string {
  const hash = createHash("sha256");
  const { normalization: _, targetNormalization: __, ...raw } = dataset;
  for (const { inputs } of batches(raw, { size: 1000 })) hash.update(bytesOf(inputs));
  return hash.update(bytesOf(dataset.targets)).digest("hex").slice(0, 16);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
