/**
 * A digest of bytes: whether a file is still what was written.
 *
 * @module
 */

/**
 * MurmurHash3 (Appleby 2011), its variant of 128 bits for 32-bit machines, seed 0. Finds damage, not forgery. Every
 * step of it can be undone, so no two inputs that differ within one of its 4-byte words have the same digest: a
 * single flipped bit is always found.
 *
 * @param bytes Any number of them.
 * @returns 32 hexadecimal digits.
 *
 * @example The published test value
 * ```ts
 * import assert from "node:assert/strict";
 * import { digestOf } from "@tekfac/tekfac/core";
 *
 * const bytes = new TextEncoder().encode("The quick brown fox jumps over the lazy dog");
 * assert.equal(digestOf(bytes), "2f1583c3ecee2c675d7bf66ce5e91d2c");
 * ```
 */
export function digestOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - bytes.length % 16;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < whole; at += 16) {
    a = step(a ^ scrambled(view.getInt32(at, true), C1, 15, C2), 19, b, 0x561ccd1b);
    b = step(b ^ scrambled(view.getInt32(at + 4, true), C2, 16, C3), 17, c, 0x0bcaa747);
    c = step(c ^ scrambled(view.getInt32(at + 8, true), C3, 17, C4), 15, d, 0x96cd1c35);
    d = step(d ^ scrambled(view.getInt32(at + 12, true), C4, 18, C1), 13, a, 0x32ac3b17);
  }
  // The last bytes, filled up with zeros, which change nothing.
  const last = new Uint8Array(16);
  last.set(bytes.subarray(whole));
  const tail = new DataView(last.buffer);
  a ^= scrambled(tail.getInt32(0, true), C1, 15, C2);
  b ^= scrambled(tail.getInt32(4, true), C2, 16, C3);
  c ^= scrambled(tail.getInt32(8, true), C3, 17, C4);
  d ^= scrambled(tail.getInt32(12, true), C4, 18, C1);

  const words = [a, b, c, d].map((word) => word ^ bytes.length);
  return summed(summed(words).map(avalanche)).map((word) => hex(word)).join("");
}

const [C1, C2, C3, C4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function scrambled(word: number, first: number, bits: number, second: number): number {
  return Math.imul(rotated(Math.imul(word, first), bits), second);
}

function step(word: number, bits: number, next: number, constant: number): number {
  return (Math.imul((rotated(word, bits) + next) | 0, 5) + constant) | 0;
}

function summed([a, b, c, d]: readonly number[]): number[] {
  const sum = (a + b + c + d) | 0;
  return [sum, (b + sum) | 0, (c + sum) | 0, (d + sum) | 0];
}

function avalanche(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
