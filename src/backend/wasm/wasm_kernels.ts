/**
 * The WebAssembly implementation on one thread.
 *
 * @module
 */

import type { Kernels } from "../kernels.ts";
import { kernelsOn } from "./kernels_on.ts";
import { kernelBinary } from "./module/binary.ts";
import { instantiate, type InstantiateOptions } from "./module/instantiate.ts";

/**
 * Creates the WebAssembly implementation on one thread: float32, synchronous.
 *
 * @param options Which build, or a module the host has compiled itself.
 * @throws {BackendError} When the host lacks SIMD or refuses the module.
 *
 * @example A backend out of kernels
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   CheckedBackend,
 *   createReferenceKernels,
 *   createThreadedKernels,
 *   createWasmKernels,
 * } from "@tekfac/tekfac/backend";
 *
 * for (const create of [createReferenceKernels, createWasmKernels, createThreadedKernels]) {
 *   using backend = new CheckedBackend(create(), []);
 *   using x = backend.alloc(1, 2);
 *   backend.write(x, [3, 4]);
 *   backend.squares(x, x);
 *   assert.deepEqual([...backend.readSync(x)], [9, 16]);
 * }
 * ```
 */
export function createWasmKernels(options: InstantiateOptions = {}): Kernels {
  return kernelsOn(instantiate(options, kernelBinary));
}
