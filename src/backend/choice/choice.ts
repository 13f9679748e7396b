/**
 * What became of the candidates: one is chosen, the others are listed with the reason why not.
 *
 * @module
 */

import { BackendError } from "../../core/errors.ts";
import type { Backend, Candidate } from "../backend.ts";
import { CheckedBackend } from "../checked/checked.ts";
import type { Kernels } from "../kernels.ts";
import { type BackendName, type BackendOptions, GPU_UNASKED } from "./options.ts";
import type { WasmOptions } from "../wasm/threads/threaded_kernels.ts";

/** A candidate that runs here. */
export interface Running {
  readonly name: BackendName;
  readonly kernels: Kernels;
}

/** The candidate that is chosen. */
export type Chosen = Running & Candidate;

/** The public backend of what was chosen. */
export function wrap(
  { name, kernels, ...why }: Chosen,
  rejected: Candidate[],
  untried: readonly BackendName[],
): Backend {
  const tried = rejected.filter((candidate) => candidate !== GPU_UNASKED);
  if (name === "reference" && tried.length > 0) {
    // A program that is slow for no visible reason is a riddle.
    const reasons = tried.map((candidate) => `${candidate.name}: ${candidate.reason}`);
    console.warn(`Computing with the slow float64 reference (${reasons.join("; ")})`);
  }
  const reason = `not needed: ${name} runs here`;
  const others = untried.map((other) => ({ name: other, reason }));
  return new CheckedBackend(kernels, [...rejected, ...others], { name, ...why });
}

/** The reason why a candidate cannot run; errors of other kinds are thrown on. */
export function rejectionOf(name: BackendName, error: unknown): Candidate {
  if (error instanceof BackendError) return { name, reason: error.reason };
  throw error;
}

export function noneCanRun(rejected: readonly Candidate[]): BackendError {
  const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return new BackendError(
    rejected.map(({ name }) => name).join(", "),
    `none can run here (${reasons})`,
  );
}

/** Options of the WebAssembly backend among those of all. */
export function wasmOptionsOf(
  { simd, module, threads, workerUrl }: BackendOptions,
): WasmOptions {
  return {
    ...(simd && { simd }),
    ...(module && { module }),
    ...(threads && { threads }),
    ...(workerUrl && { workerUrl }),
  };
}
