/**
 * The embedded kernels as bytes.
 *
 * @module
 */

import { REST } from "./_baseline.gen.ts";
import { kernelBytes } from "./builds.ts";
import type { SimdFlavour } from "./probe.ts";

/**
 * The bytes of an embedded build; a copy that is the caller's own. The verbs of sequences are in a module of
 * their own, `sequenceVerbs`; the package's `relaxed.wasm` and `baseline.wasm` hold all.
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
  return kernelBytes(simd, REST).slice();
}
