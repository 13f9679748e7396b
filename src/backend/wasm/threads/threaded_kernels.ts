/**
 * The WebAssembly implementation on several threads, where the host has them.
 *
 * @module
 */

import type { Kernels } from "../../kernels.ts";
import { kernelBinary } from "../module/binary.ts";
import { instantiate, type InstantiateOptions } from "../module/instantiate.ts";
import { kernelsOn } from "../kernels_on.ts";
import { createParallelEigensolver } from "./parallel_eigensolver.ts";
import { startableThreads } from "./support.ts";
import { instantiateThreads, type ThreadOptions } from "./threaded_instance.ts";

/** Options of {@linkcode createThreadedKernels}. */
export interface WasmOptions extends InstantiateOptions, ThreadOptions {}

/**
 * Creates the WebAssembly implementation on as many threads as are asked for and can be had.
 *
 * @param options Which build, or a module the host has compiled itself; how many threads.
 * @throws {BackendError} When the host lacks SIMD or refuses the module.
 *
 * @example Two threads where there are workers
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedBackend, createThreadedKernels } from "@tekfac/tekfac/backend";
 *
 * using backend = new CheckedBackend(createThreadedKernels({ threads: 2 }), []);
 * assert.match(backend.info.description, /2 threads|one thread: /);
 * ```
 */
export function createThreadedKernels(options: WasmOptions = {}): Kernels {
  return kernelsOf(options);
}

/** Does the same after it has tried whether workers begin: a page's policy may forbid them. */
export async function openThreadedKernels(options: WasmOptions): Promise<Kernels> {
  const { threads = 1, workerUrl } = options;
  return kernelsOf({ ...options, count: await startableThreads(threads, workerUrl) });
}

function kernelsOf(options: Parameters<typeof instantiateThreads>[0]): Kernels {
  const threaded = instantiateThreads(options);
  if (!("parallel" in threaded)) {
    const instance = instantiate(options, kernelBinary);
    const reason = threaded.reason === undefined ? "" : `, one thread: ${threaded.reason}`;
    return kernelsOn({ ...instance, description: instance.description + reason });
  }
  const { parallel } = threaded;
  return kernelsOn(threaded, (machine) => ({
    ...createParallelEigensolver(machine, parallel),
    dispose: () => parallel.pool.dispose(),
  }));
}
