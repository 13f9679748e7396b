/**
 * Pixels of a data set as the numbers that models take.
 *
 * @module
 */

/** The brightness that each byte stands for. */
const OF_BYTE = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Writes the brightness of the pixels `from` up to `to` into `out`, from `at` on. */
export function copyBrightness(
  out: Float32Array,
  at: number,
  images: Float32Array | Uint8Array,
  from: number,
  to: number,
): void {
  if (images instanceof Float32Array) return out.set(images.subarray(from, to), at);
  for (let pixel = from, place = at; pixel < to; pixel++) out[place++] = OF_BYTE[images[pixel]];
}
