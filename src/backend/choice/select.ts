/**
 * Choosing a backend: what was asked for, what this host can do, what is fastest, and why the rest was
 * passed over.
 *
 * @module
 */

import { BackendError } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { noneCanRun, rejectionOf, wasmOptionsOf, wrap } from "./choice.ts";
import type { Kernels } from "../kernels.ts";
import { type BackendName, type BackendOptions, candidatesOf } from "./options.ts";
import { openWasmKernels } from "../wasm/open.ts";

/**
 * Creates the first backend of `prefer` that this host can run or, where a step of the `model` can be
 * timed, the one on which it is fastest. Why, and why not the others, is in `backend.info`.
 *
 * @returns The backend; the caller disposes it.
 * @throws {OptionError} For an unknown option or name.
 * @throws {BackendError} When no candidate can run; its reason names each with its own.
 *
 * @example The product of two matrices
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * using a = backend.alloc(1, 2);
 * using out = backend.alloc(1, 1);
 * backend.write(a, [3, 4]);
 * backend.gemm(out, a, a, { transposeB: true });
 * assert.deepEqual([...await backend.read(out)], [25]);
 * ```
 */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { names, fallback, unasked, origin } = candidatesOf(options);
  if (options.timings !== undefined || options.gpu !== undefined) {
    (await import("./gpu.ts")).checkGpuPrograms(options);
  }
  const rejected = [...unasked];
  if (options.model !== undefined) {
    const { fastestOf } = await import("./gpu.ts");
    const openNamed = (name: BackendName) => open(name, options);
    const fastest = await fastestOf(names, openNamed, options.model, rejected, options.timings);
    if (fastest !== undefined) return wrap(fastest, rejected, fallback);
  }
  const untried = options.model === undefined ? [...names, ...fallback] : fallback;
  for (const [i, name] of untried.entries()) {
    try {
      const kernels = await open(name, options);
      const reason = `the first of ${origin} that runs here`;
      return wrap({ name, kernels, reason }, rejected, untried.slice(i + 1));
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

/** Code that few programs need is loaded only where it is used, so that packers can leave it aside. */
async function open(name: BackendName, options: BackendOptions): Promise<Kernels> {
  if (name === "reference") {
    const { createReferenceKernels } = await import("../reference/kernels.ts");
    return createReferenceKernels();
  }
  if (name === "webgpu") {
    const kernels = await openGpu(options);
    if (options.recovery === undefined) return kernels;
    const { createRecoverableKernels } = await import("./gpu.ts");
    return createRecoverableKernels(kernels, (again) => reopen(again, options), options.recovery);
  }
  if ((options.threads ?? 1) === 1) return openWasmKernels(wasmOptionsOf(options));
  const { openThreadedKernels } = await import("../wasm/threads/threaded_kernels.ts");
  return await openThreadedKernels(wasmOptionsOf(options));
}

async function openGpu(options: BackendOptions): Promise<Kernels> {
  const { openDevice } = await import("./gpu.ts");
  const device = await openDevice(options);
  const { createWebGpuKernels } = await import("../webgpu/webgpu_kernels.ts");
  return createWebGpuKernels(device);
}

/** What follows a lost device: a new one or, where there is none or it did not last, WebAssembly. */
async function reopen(again: boolean, options: BackendOptions): Promise<Kernels> {
  const { device: _lost, ...others } = options;
  if (again) return await open("wasm", options);
  try {
    return await openGpu(others);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return await open("wasm", options);
  }
}
