/**
 * One test body, run on every implementation of a backend.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { createBackend } from "../backend/choice/select.ts";
import { createBackendSync } from "../backend/choice/select_sync.ts";
import { probeSimd } from "../backend/wasm/module/probe.ts";
import { BackendError } from "../core/errors.ts";

/** A test as `Deno.test` takes it. */
export interface BackendTest {
  /** `"gemm() ... [reference]"`. */
  readonly name: string;
  /** True where the backend is not available: the test is then listed, but not run. */
  readonly ignore: boolean;
  /** Runs the body and checks that it left nothing behind. */
  readonly fn: () => Promise<void>;
}

/** A backend under test. */
export interface BackendCandidate {
  /** Name in the tests: `"reference"`, `"wasm relaxed"`, `"webgpu"`; says why where it is missing. */
  readonly name: string;
  /** Creates it; the caller disposes. `undefined` where this host lacks it. */
  readonly create: (() => Backend | Promise<Backend>) | undefined;
}

/**
 * All synchronous implementations, available or not: the reference, and both builds of the WASM
 * kernels. For the GPU see {@linkcode gpuCandidate}.
 */
export function backendCandidates(): BackendCandidate[] {
  const best = probeSimd();
  const wasm = (simd: "relaxed" | "baseline", available: boolean): BackendCandidate => ({
    name: `wasm ${simd}`,
    create: available ? () => createBackendSync({ prefer: ["wasm"], simd }) : undefined,
  });
  return [
    { name: "reference", create: () => createBackendSync({ prefer: ["reference"] }) },
    wasm("relaxed", best === "relaxed"),
    wasm("baseline", best !== undefined),
  ];
}

/**
 * The GPU, software adapters included. Bodies that run on it have to `await backend.read(...)`.
 *
 * @example All four implementations
 * ```ts
 * import { backendCandidates, gpuCandidate } from "@tekfac/tekfac/testing";
 *
 * const candidates = [...backendCandidates(), await gpuCandidate()];
 * ```
 */
export async function gpuCandidate(): Promise<BackendCandidate> {
  const problem = await gpuProblem();
  if (problem !== undefined) return { name: `webgpu: ${problem}`, create: undefined };
  const create = (): Promise<Backend> => createBackend({ prefer: ["webgpu"], allowSoftware: true });
  return { name: "webgpu", create };
}

/**
 * Why this host has no GPU that could be tested, not even in software; `undefined` where it has.
 *
 * @example A test that says why it is left out
 * ```ts
 * import assert from "node:assert/strict";
 * import { gpuProblem } from "@tekfac/tekfac/testing";
 *
 * const problem = await gpuProblem();
 * const test = { name: `on the GPU (${problem ?? "there is one"})`, ignore: problem !== undefined };
 * assert.match(test.name, test.ignore ? /webgpu/ : /there is one/); // names what was tried
 * ```
 */
export async function gpuProblem(): Promise<string | undefined> {
  try {
    (await createBackend({ prefer: ["webgpu"], allowSoftware: true }))[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (error instanceof BackendError) return error.reason;
    throw error;
  }
}

/**
 * Registers the test once per backend. Each run gets a fresh backend; it fails when matrices are
 * left undisposed at its end.
 *
 * @param register Where tests are registered: `Deno.test`, or anything that takes the same object.
 * @param name What is tested.
 * @param body Gets the backend, which is disposed afterwards.
 * @param candidates Which backends. @default {all synchronous ones}
 */
export function eachBackend(
  register: (test: BackendTest) => void,
  name: string,
  body: (backend: Backend) => void | Promise<void>,
  candidates: readonly BackendCandidate[] = backendCandidates(),
): void {
  for (const { name: candidate, create } of candidates) {
    register({
      name: `${name} [${candidate}]`,
      ignore: create === undefined,
      fn: async () => {
        const backend = await create!();
        try {
          await body(backend);
          const { handles, liveBytes } = backend.memory();
          if (handles !== 0 || liveBytes !== 0) {
            throw new Error(`${name}: ${handles} matrices (${liveBytes} bytes) were not disposed`);
          }
        } finally {
          backend[Symbol.dispose]();
        }
      },
    });
  }
}
