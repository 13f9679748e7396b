/**
 * The types of numbers that a safetensors file can hold. Half precision becomes float32 and integers float64, both
 * exactly (64-bit integers beyond 2^53 to rounding).
 *
 * @module
 */

/** Types of numbers by their names in the format. */
export const NUMBER_TYPES: Readonly<Record<string, NumberType>> = {
  F32: { width: 4, decode: (bytes) => new Float32Array(bytes) },
  F64: { width: 8, decode: (bytes) => new Float64Array(bytes) },
  F16: { width: 2, decode: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf) },
  // The first half of a float32.
  BF16: {
    width: 2,
    decode: (bytes) =>
      new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer),
  },
  BOOL: { width: 1, decode: (bytes) => Float64Array.from(new Uint8Array(bytes)) },
  U8: { width: 1, decode: (bytes) => Float64Array.from(new Uint8Array(bytes)) },
  I8: { width: 1, decode: (bytes) => Float64Array.from(new Int8Array(bytes)) },
  U16: { width: 2, decode: (bytes) => Float64Array.from(new Uint16Array(bytes)) },
  I16: { width: 2, decode: (bytes) => Float64Array.from(new Int16Array(bytes)) },
  U32: { width: 4, decode: (bytes) => Float64Array.from(new Uint32Array(bytes)) },
  I32: { width: 4, decode: (bytes) => Float64Array.from(new Int32Array(bytes)) },
  U64: { width: 8, decode: (bytes) => Float64Array.from([...new BigUint64Array(bytes)], Number) },
  I64: { width: 8, decode: (bytes) => Float64Array.from([...new BigInt64Array(bytes)], Number) },
};

/** How numbers are stored. */
export interface NumberType {
  /** Bytes of one number. */
  readonly width: number;
  /** Numbers from their bytes, little endian; the buffer may become theirs. */
  readonly decode: (bytes: ArrayBuffer) => Float32Array | Float64Array;
}

/** The number that 16 bits of IEEE 754's binary16 stand for. */
function fromHalf(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
