/**
 * Arrays that go from rank to rank.
 *
 * @module
 */

/** Numbers that can be summed. */
export type Summable = Float32Array | Float64Array;

/** What can be sent. */
export type Sendable = Summable | Uint8Array;

/** The bytes of an array, where it is. */
export function bytesOf({ buffer, byteOffset, byteLength }: Sendable): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** An array of the same kind from bytes. */
export function likewise<T extends Sendable>(like: T, bytes: Uint8Array): T {
  const { buffer } = bytes.slice();
  const Kind = like.constructor as new (buffer: ArrayBufferLike) => T;
  return new Kind(buffer);
}

/** `total += numbers`; a loop for each kind of numbers, since one for both is several times slower. */
export function addTo(total: Float64Array, numbers: Summable): void {
  if (numbers instanceof Float32Array) {
    for (let i = 0; i < total.length; i++) total[i] += numbers[i];
  } else for (let i = 0; i < total.length; i++) total[i] += numbers[i];
}
