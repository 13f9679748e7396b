/**
 * The checksums behind compressed streams.
 *
 * @module
 */

const POLYNOMIAL = 0xedb88320;
/** Bytes after which Adler's sums have to be reduced: with more, they could pass 2^32. */
const UNREDUCED = 5552;
const PRIME = 65521;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** A checksum of some bytes, from the one of the bytes before them; `start` is the one of no bytes. */
export interface Checksum {
  readonly start: number;
  readonly after: (before: number, bytes: Uint8Array) => number;
}

/** CRC-32, as gzip has it (RFC 1952, section 8). */
export const crc32: Checksum = {
  start: 0,
  after(before, bytes) {
    let crc = ~before;
    for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]) & 0xff];
    return ~crc >>> 0;
  },
};

/** Adler-32, as zlib has it (RFC 1950, section 8.2). */
export const adler32: Checksum = {
  start: 1,
  after(before, bytes) {
    let a = before & 0xffff;
    let b = before >>> 16;
    for (let i = 0; i < bytes.length;) {
      for (const end = Math.min(i + UNREDUCED, bytes.length); i < end; i++) b += a += bytes[i];
      a %= PRIME;
      b %= PRIME;
    }
    return (b << 16 | a) >>> 0;
  },
};
