/**
 * Choosing a backend: what was asked for, what this host can do, and why the rest was passed over.
 *
 * @module
 */

import type { Backend, BackendInfo } from "./backend.ts";
import { CheckedBackend } from "./checked.ts";
import { BackendError, OptionError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys } from "../core/options.ts";
import type { Kernels } from "./kernels.ts";
import { createReferenceKernels } from "./reference/kernels.ts";
import type { SimdFlavour } from "./wasm/probe.ts";
import { createWasmKernels } from "./wasm/wasm_kernels.ts";

/** Name of an implementation. */
export type BackendName = "webgpu" | "wasm" | "reference";

/** The implementations there are. */
const BACKEND_NAMES: readonly BackendName[] = ["webgpu", "wasm", "reference"];

/**
 * What `auto` tries. A GPU has to be asked for by name: it answers later, so that `stepSync` and its
 * like do not work on it, and where it is faster has not been measured yet.
 */
const AUTO: readonly BackendName[] = ["wasm", "reference"];

/** Options of {@linkcode createBackend}. */
export interface BackendOptions {
  /**
   * What to try, in this order; `"auto"` is WebAssembly, then the reference. `"webgpu"` has to be named:
   * it is asynchronous (use `step()`, `evaluate()`, `read()`). @default {"auto"}
   */
  readonly prefer?: "auto" | readonly BackendName[];
  /**
   * The WebAssembly kernels, already compiled, for hosts that forbid compiling at run time.
   *
   * @default {compiled from the embedded binary}
   */
  readonly module?: WebAssembly.Module;
  /** Which WebAssembly build. @default {the best this host accepts} */
  readonly simd?: SimdFlavour;
  /**
   * Threads of the WebAssembly backend, the calling one included, 1 to 32; `"auto"`: one per core,
   * four at most. Large verbs are shared out, several eigenproblems are solved at once, and
   * {@linkcode Backend.beginEigh} runs beside other verbs. Where the host has no shared memory or no
   * workers there is one thread; `backend.info.description` tells.
   *
   * Results depend on the number of threads in the last bits (sums over examples are taken in as
   * many parts), but on nothing that happens at run time. Dispose the backend to end its workers.
   *
   * @default {1}
   */
  readonly threads?: number | "auto";
  /** Whether a GPU adapter that computes on the CPU will do for `"webgpu"`. @default {false} */
  readonly allowSoftware?: boolean;
  /** A GPU device to share with other code, which owns it. @default {a new device} */
  readonly device?: GPUDevice;
}

/** Most threads that can be asked for. */
const MOST_THREADS = 32;

/** Subject of the messages of this file. */
const SUBJECT = "Cannot create a backend";

/**
 * Creates the first backend of `prefer` that this host can run. The reasons why earlier candidates
 * were passed over are in `backend.info.rejected`.
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
  const names = resolveOptions(options);
  const rejected: Rejection[] = [];
  for (const name of names) {
    try {
      const kernels = name === "webgpu"
        ? await createGpuKernels(options)
        : createKernels(name, options);
      return new CheckedBackend(kernels, rejected);
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

/**
 * The same at once, for backends that need no waiting: `"webgpu"` is rejected.
 *
 * @throws {OptionError | BackendError} As {@linkcode createBackend}.
 */
export function createBackendSync(options: BackendOptions = {}): Backend {
  const names = resolveOptions(options);
  const rejected: Rejection[] = [];
  for (const name of names) {
    try {
      return new CheckedBackend(createKernels(name, options), rejected);
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

/** A candidate that was passed over, and why. */
type Rejection = BackendInfo["rejected"][number];

/** The reason why a candidate cannot run; errors of other kinds are thrown on. */
function rejectionOf(name: BackendName, error: unknown): Rejection {
  if (error instanceof BackendError) return { name, reason: error.reason };
  throw error;
}

function noneCanRun(rejected: readonly Rejection[]): BackendError {
  const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return new BackendError(
    rejected.map(({ name }) => name).join(", "),
    `none can run here (${reasons})`,
  );
}

/** Checks the options; returns the candidates. */
function resolveOptions(
  options: BackendOptions,
): readonly BackendName[] {
  checkKnownKeys(SUBJECT, options, [
    "prefer",
    "module",
    "simd",
    "threads",
    "allowSoftware",
    "device",
  ]);
  if (options.simd !== undefined) {
    checkChoice(SUBJECT, "simd", options.simd, ["relaxed", "baseline"]);
  }
  const { threads } = options;
  if (threads !== undefined && threads !== "auto" && !isThreadCount(threads)) {
    const expected = `must be 'auto' or an integer from 1 to ${MOST_THREADS}`;
    throw new OptionError(SUBJECT, "threads", expected, threads);
  }
  if (options.module !== undefined && !(options.module instanceof WebAssembly.Module)) {
    throw new OptionError(SUBJECT, "module", "must be a WebAssembly.Module", options.module);
  }
  const { prefer = "auto" } = options;
  if (prefer === "auto") return AUTO;
  if (!Array.isArray(prefer) || prefer.length === 0) {
    const names = BACKEND_NAMES.map((name) => `'${name}'`).join(", ");
    throw new OptionError(SUBJECT, "prefer", `must be 'auto' or some of [${names}]`, prefer);
  }
  return prefer.map((name) => checkChoice(SUBJECT, "prefer", name, BACKEND_NAMES));
}

function isThreadCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_THREADS;
}

function createKernels(name: BackendName, options: BackendOptions): Kernels {
  if (name === "reference") return createReferenceKernels();
  if (name === "webgpu") {
    throw new BackendError("webgpu", "it cannot be created at once: use await createBackend()");
  }
  const { simd, module, threads } = options;
  return createWasmKernels({
    ...(simd && { simd }),
    ...(module && { module }),
    ...(threads && { threads }),
  });
}

/** The code for GPUs is loaded only where there is one to be used. */
async function createGpuKernels(options: BackendOptions): Promise<Kernels> {
  const { openDevice } = await import("./webgpu/adapter.ts");
  const open = await openDevice(options);
  const { createWebGpuKernels } = await import("./webgpu/webgpu_kernels.ts");
  return createWebGpuKernels(open);
}
