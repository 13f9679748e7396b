/**
 * Choosing a backend without waiting. Apart from {@linkcode createBackend}, because it needs the code of
 * all of them at hand.
 *
 * @module
 */

import { BackendError } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { noneCanRun, rejectionOf, wasmOptionsOf, wrap } from "./choice.ts";
import type { Kernels } from "../kernels.ts";
import { type BackendName, type BackendOptions, candidatesOf } from "./options.ts";
import { createReferenceKernels } from "../reference/kernels.ts";
import { createThreadedKernels } from "../wasm/threads/threaded_kernels.ts";

/**
 * Does what {@linkcode createBackend} does, at once, for backends that need no waiting: `"webgpu"` is rejected, and nothing is timed.
 *
 * @throws {OptionError | BackendError} As {@linkcode createBackend}.
 *
 * @example Without waiting
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackendSync } from "@tekfac/tekfac/backend";
 *
 * using backend = createBackendSync();
 * assert.match(backend.name, /^(wasm|reference)$/);
 * ```
 */
export function createBackendSync(
  options: Omit<BackendOptions, "model" | "timings" | "gpu" | "recovery"> = {},
): Backend {
  const { names, fallback, unasked, origin } = candidatesOf(options);
  const rejected = [...unasked];
  const untried = [...names, ...fallback];
  for (const [i, name] of untried.entries()) {
    try {
      const kernels = openSync(name, options);
      const reason = `the first of ${origin} that runs here`;
      return wrap({ name, kernels, reason }, rejected, untried.slice(i + 1));
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

function openSync(name: BackendName, options: BackendOptions): Kernels {
  if (name === "reference") return createReferenceKernels();
  if (name === "webgpu") {
    throw new BackendError("webgpu", "it cannot be created at once: use await createBackend()");
  }
  return createThreadedKernels(wasmOptionsOf(options));
}
