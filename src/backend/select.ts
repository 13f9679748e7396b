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
export type BackendName = "wasm" | "reference";

/** The implementations there are, best first. */
const BACKEND_NAMES: readonly BackendName[] = ["wasm", "reference"];

/** Options of {@linkcode createBackend}. */
export interface BackendOptions {
  /** What to try, in this order; `"auto"` tries everything, best first. @default {"auto"} */
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
}

/** Most threads that can be asked for. */
const MOST_THREADS = 32;

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
// deno-lint-ignore require-await
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  return createBackendSync(options);
}

/**
 * The same at once, for backends that need no waiting (all there are at present).
 *
 * @throws {OptionError | BackendError} As {@linkcode createBackend}.
 */
export function createBackendSync(options: BackendOptions = {}): Backend {
  const subject = "Cannot create a backend";
  checkKnownKeys(subject, options, ["prefer", "module", "simd", "threads"]);
  if (options.simd !== undefined) {
    checkChoice(subject, "simd", options.simd, ["relaxed", "baseline"]);
  }
  const { threads } = options;
  if (threads !== undefined && threads !== "auto" && !isThreadCount(threads)) {
    const expected = `must be 'auto' or an integer from 1 to ${MOST_THREADS}`;
    throw new OptionError(subject, "threads", expected, threads);
  }
  if (options.module !== undefined && !(options.module instanceof WebAssembly.Module)) {
    throw new OptionError(subject, "module", "must be a WebAssembly.Module", options.module);
  }
  const rejected: BackendInfo["rejected"][number][] = [];
  for (const name of resolveNames(subject, options.prefer ?? "auto")) {
    try {
      return new CheckedBackend(createKernels(name, options), rejected);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      rejected.push({ name, reason: error.reason });
    }
  }
  const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new BackendError(
    rejected.map(({ name }) => name).join(", "),
    `none can run here (${reasons})`,
  );
}

function resolveNames(subject: string, prefer: unknown): readonly BackendName[] {
  if (prefer === "auto") return BACKEND_NAMES;
  if (!Array.isArray(prefer) || prefer.length === 0) {
    const names = BACKEND_NAMES.map((name) => `'${name}'`).join(", ");
    throw new OptionError(subject, "prefer", `must be 'auto' or some of [${names}]`, prefer);
  }
  return prefer.map((name) => checkChoice(subject, "prefer", name, BACKEND_NAMES));
}

function isThreadCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_THREADS;
}

function createKernels(name: BackendName, options: BackendOptions): Kernels {
  if (name === "reference") return createReferenceKernels();
  const { simd, module, threads } = options;
  return createWasmKernels({
    ...(simd && { simd }),
    ...(module && { module }),
    ...(threads && { threads }),
  });
}
