/**
 * The embedded kernels as bytes.
 *
 * @module
 */

import { LENGTHS, PACKED } from "./_kernels.gen.ts";
import { unpack } from "./lzma.ts";
import type { SimdFlavour } from "./probe.ts";

/** The builds in the order in which they were packed. */
const ORDER: readonly SimdFlavour[] = ["relaxed", "baseline"];

/** What has been unpacked: always the same bytes, so that the work is done once. */
const unpacked = new Map<SimdFlavour, Uint8Array<ArrayBuffer>>();

/**
 * The bytes of an embedded build; a copy that is the caller's own.
 *
 * @example Kernels that are compiled ahead
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, kernelBinary, probeSimd } from "@tekfac/tekfac/backend";
 *
 * const module = await WebAssembly.compile(kernelBinary(probeSimd() ?? "baseline"));
 * using backend = await createBackend({ module });
 * assert.equal(backend.name, "wasm");
 * ```
 */
export function kernelBinary(simd: SimdFlavour): Uint8Array<ArrayBuffer> {
  const known = unpacked.get(simd) ?? unpackBuild(simd);
  unpacked.set(simd, known);
  return known.slice();
}

function unpackBuild(simd: SimdFlavour): Uint8Array<ArrayBuffer> {
  const before = ORDER.slice(0, ORDER.indexOf(simd));
  const start = before.reduce((sum, build) => sum + LENGTHS[build], 0);
  const packed = Uint8Array.from(atob(PACKED), (character) => character.charCodeAt(0));
  return unpack(packed, start + LENGTHS[simd]).slice(start);
}
