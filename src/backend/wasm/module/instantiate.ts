/**
 * From the embedded binary, or a module the host has compiled, to callable kernels.
 *
 * @module
 */

import { instantiateSync } from "npm:@assemblyscript/loader@0.28.20";
import { BackendError } from "../../../core/errors.ts";
import type { KernelExports } from "./_kernels.gen.ts";
import { kernelBinary } from "./binary.ts";
import { LinearMemory } from "./linear_memory.ts";
import { probeSimd, type SimdFlavour } from "./probe.ts";

/** How the kernels come to life. */
export interface InstantiateOptions {
  /** Which of the two builds. @default {the best one that this host accepts} */
  readonly simd?: SimdFlavour;
  /**
   * A compiled module of either build, for hosts that forbid code generation at run time. Compile
   * {@linkcode kernelBinary} ahead of time to get one.
   */
  readonly module?: WebAssembly.Module;
}

/** Kernels ready to be called. */
export interface Instance {
  /** What runs: one of the builds, or the host's own module. */
  readonly description: string;
  /** The memory it works in. */
  readonly memory: LinearMemory;
  /** All exported functions. */
  readonly exports: KernelExports;
}

/**
 * Compiles (unless a module is given) and instantiates the kernels.
 *
 * @throws {BackendError} When the host lacks SIMD, or refuses the module.
 */
export function instantiate(options: InstantiateOptions = {}): Instance {
  const simd = options.simd ?? probeSimd();
  if (options.module === undefined && simd === undefined) {
    throw new BackendError("wasm", "this host has no WebAssembly SIMD");
  }
  try {
    const { exports } = instantiateSync<KernelExports>(
      options.module ?? kernelBinary(simd!),
    );
    if (!(exports.memory instanceof WebAssembly.Memory) || exports.heapBase === undefined) {
      throw new TypeError("the module does not hold them");
    }
    const description = options.module ? "module of the host" : `${simd!} SIMD`;
    return { description, memory: new LinearMemory(exports.memory), exports };
  } catch (cause) {
    throw new BackendError("wasm", `the kernels cannot be instantiated: ${cause}`, { cause });
  }
}
