/**
 * What this host's WebAssembly can do, found by validating the smallest module that needs it.
 *
 * @module
 */

/** The two builds of the kernels: with fused multiply-add, or with SIMD as first standardised. */
export type SimdFlavour = "relaxed" | "baseline";

/**
 * The best build this host accepts, or `undefined` where it has no SIMD.
 *
 * @example The build that fits this host
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, probeSimd } from "@tekfac/tekfac/backend";
 *
 * const simd = probeSimd();
 * if (simd !== undefined) {
 *   using backend = await createBackend({ prefer: ["wasm"] });
 *   assert(backend.info.description.includes(simd));
 * }
 * ```
 */
export function probeSimd(): SimdFlavour | undefined {
  if (validates(RELAXED_MADD)) return "relaxed";
  return validates(F32X4_ADD) ? "baseline" : undefined;
}

/** Two splats, then `f32x4.add`. */
const F32X4_ADD: readonly number[] = [...splats(2), 0xfd, 0xe4, 0x01];

/** Three splats, then `f32x4.relaxed_madd`. */
const RELAXED_MADD: readonly number[] = [...splats(3), 0xfd, 0x85, 0x02];

/** `count` times `f32.const 0; f32x4.splat`. */
function splats(count: number): number[] {
  return Array.from({ length: count }, () => [0x43, 0, 0, 0, 0, 0xfd, 0x13]).flat();
}

/** Whether a function `() -> v128` with this code is valid. */
function validates(code: readonly number[]): boolean {
  if (typeof WebAssembly === "undefined") return false;
  const body = [0, ...code, 0x0b];
  return WebAssembly.validate(Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 5, 1, 0x60, 0, 1, 0x7b], // type: () -> v128
    ...[3, 2, 1, 0], // one function of that type
    ...[10, body.length + 2, 1, body.length, ...body], // its code
  ]));
}
