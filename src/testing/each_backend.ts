/**
 * One test body, run on every implementation of a backend.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { createBackendSync } from "../backend/select.ts";
import { probeSimd } from "../backend/wasm/probe.ts";

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
  /** Name in the tests: `"reference"`, `"wasm relaxed"`, `"wasm baseline"`. */
  readonly name: string;
  /** Creates it; the caller disposes. `undefined` where this host lacks it. */
  readonly create: (() => Backend) | undefined;
}

/** All implementations, available or not: the reference, and both builds of the WASM kernels. */
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
 * Registers the test once per backend. Each run gets a fresh backend; it fails when matrices are
 * left undisposed at its end.
 *
 * @param register Where tests are registered: `Deno.test`, or anything that takes the same object.
 * @param name What is tested.
 * @param body Gets the backend, which is disposed afterwards.
 */
export function eachBackend(
  register: (test: BackendTest) => void,
  name: string,
  body: (backend: Backend) => void | Promise<void>,
): void {
  for (const { name: candidate, create } of backendCandidates()) {
    register({
      name: `${name} [${candidate}]`,
      ignore: create === undefined,
      fn: async () => {
        const backend = create!();
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
