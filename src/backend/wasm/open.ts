/**
 * The WebAssembly implementation for a program that can wait: it loads the build that this host takes, and no
 * other.
 *
 * @module
 */

import type { Kernels } from "../kernels.ts";
import { kernelsOn } from "./kernels_on.ts";
import { kernelBytes } from "./module/builds.ts";
import { instantiate, type InstantiateOptions } from "./module/instantiate.ts";
import { probeSimd } from "./module/probe.ts";

/**
 * Creates it on one thread.
 *
 * @throws {BackendError} When the host lacks SIMD or refuses the module.
 */
export async function openWasmKernels(options: InstantiateOptions): Promise<Kernels> {
  const { simd = probeSimd(), module } = options;
  const rest = simd === "baseline" && module === undefined
    ? (await import("./module/_baseline.gen.ts")).REST
    : "";
  return kernelsOn(instantiate(options, (build) => kernelBytes(build, rest)));
}
