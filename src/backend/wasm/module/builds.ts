/**
 * From packed builds to the bytes of one.
 *
 * @module
 */

import { LENGTHS, PACKED } from "./_kernels.gen.ts";
import { unpack } from "./lzma.ts";
import type { SimdFlavour } from "./probe.ts";

/** The builds in the order in which they were packed. */
const ORDER: readonly SimdFlavour[] = ["relaxed", "baseline"];

/** Bytes of each build. */
export type BuildLengths = Readonly<Record<SimdFlavour, number>>;

/**
 * One of two builds that were packed together.
 *
 * @param packed As base64; may end where a build is complete.
 */
export function unpackBuild(
  packed: string,
  lengths: BuildLengths,
  simd: SimdFlavour,
): Uint8Array<ArrayBuffer> {
  const before = ORDER.slice(0, ORDER.indexOf(simd));
  const start = before.reduce((sum, build) => sum + lengths[build], 0);
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return unpack(bytes, start + lengths[simd]).slice(start);
}

/** What has been unpacked: always the same bytes, so that the work is done once. */
const unpacked = new Map<SimdFlavour, Uint8Array<ArrayBuffer>>();

/** The bytes of the kernels in one build, not to be changed; `rest` is what it needs besides. */
export function kernelBytes(simd: SimdFlavour, rest = ""): Uint8Array<ArrayBuffer> {
  const known = unpacked.get(simd) ?? unpackBuild(PACKED + rest, LENGTHS, simd);
  unpacked.set(simd, known);
  return known;
}
