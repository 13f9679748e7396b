/**
 * From the embedded binary, or a module the host has compiled, to callable kernels.
 *
 * @module
 */

import { instantiateSync } from "npm:@assemblyscript/loader@0.28.20";
import { BackendError } from "../../../core/errors.ts";
import type { VerbExtension } from "../../extension.ts";
import type { KernelExports } from "./_kernels.gen.ts";
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
  /** Functions of an extension over the same memory. */
  readonly extend: (extension: VerbExtension) => unknown;
}

/**
 * Compiles (unless a module is given) and instantiates the kernels.
 *
 * @param binaryOf The bytes of a build.
 * @throws {BackendError} When the host lacks SIMD, or refuses the module.
 */
export function instantiate(
  options: InstantiateOptions,
  binaryOf: (simd: SimdFlavour) => Uint8Array<ArrayBuffer>,
): Instance {
  const simd = options.simd ?? probeSimd();
  if (options.module === undefined && simd === undefined) {
    throw new BackendError("wasm", "this host has no WebAssembly SIMD");
  }
  try {
    const { exports } = instantiateSync<KernelExports>(
      options.module ?? binaryOf(simd!),
    );
    if (!(exports.memory instanceof WebAssembly.Memory) || exports.heapBase === undefined) {
      throw new TypeError("the module does not hold them");
    }
    const description = options.module ? "module of the host" : `${simd!} SIMD`;
    const extend = (extension: VerbExtension): unknown => {
      if (extension.witness in exports) return exports;
      const module = new WebAssembly.Module(extension.binary(simd!));
      return new WebAssembly.Instance(module, { env: { memory: exports.memory } }).exports;
    };
    return { description, memory: new LinearMemory(exports.memory), exports, extend };
  } catch (cause) {
    throw new BackendError("wasm", `the kernels cannot be instantiated: ${cause}`, { cause });
  }
}
