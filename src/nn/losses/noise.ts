/**
 * Random numbers that are exact in float32.
 *
 * @module
 */

import type { Places } from "../../core/capture.ts";
import type { Random } from "../../core/random.ts";

/** Uniform on [0, 1) in steps of 2^-24: 32 random bits, rounded to float32, could become 1. */
export function uniforms(random: Random, count: number): Float32Array {
  const noise = new Float32Array(count);
  for (let i = 0; i < count; i++) noise[i] = (random.bits() >>> 8) * 2 ** -24;
  return noise;
}

/** Standard normal. */
export function normals(random: Random, count: number): Float32Array {
  const noise = new Float32Array(count);
  for (let i = 0; i < count; i++) noise[i] = random.normal();
  return noise;
}

/**
 * Of numbers that are drawn for all examples those of some, `each` for an example.
 *
 * @param draw Draws so many numbers.
 */
export function drawnAt(
  { of, at }: Places,
  each: number,
  draw: (count: number) => Float32Array,
): Float32Array {
  const all = draw(of * each);
  if (at.length === of) return all;
  const own = new Float32Array(at.length * each);
  at.forEach((place, i) => own.set(all.subarray(place * each, (place + 1) * each), i * each));
  return own;
}

/** `count` random signs, 1 or -1: 32 from each draw. */
export function drawSigns(random: Random, count: number): Float32Array {
  const signs = new Float32Array(count);
  let bits = 0;
  for (let i = 0; i < count; i++) {
    if (i % 32 === 0) bits = random.bits();
    signs[i] = (bits >>> (i % 32)) & 1 ? 1 : -1;
  }
  return signs;
}
