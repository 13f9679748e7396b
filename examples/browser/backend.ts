/**
 * Choosing where to compute, and saying in words what was chosen and why.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Backend, type BackendName, type BackendOptions, createBackend } from "@tekfac/tekfac";
import type { BackendChoice } from "./settings.ts";

/** What a choice means: what is tried in turn, and how. */
interface Plan extends BackendOptions {
  readonly prefer: readonly BackendName[];
}

/**
 * The plans. `auto` passes over a GPU that is only imitated by the processor; whoever asks for WebGPU
 * by name gets that too.
 */
const plans: Readonly<Record<BackendChoice, Plan>> = {
  auto: { prefer: ["webgpu", "wasm", "reference"], threads: "auto" },
  webgpu: { prefer: ["webgpu"], allowSoftware: true },
  threads: { prefer: ["wasm"], threads: "auto" },
  single: { prefer: ["wasm"] },
};

const titles: Readonly<Record<BackendName, string>> = {
  webgpu: "WebGPU",
  wasm: "WebAssembly SIMD",
  reference: "plain JavaScript",
};

/** A backend, and a sentence or two about it. */
export interface DescribedBackend {
  readonly backend: Backend;
  readonly words: string;
}

/** Creates the backend of a choice. The caller disposes it. */
export async function openBackend(choice: BackendChoice): Promise<DescribedBackend> {
  const { prefer, ...plan } = plans[choice];
  const backend = await createBackend({ ...plan, prefer });
  const { description, rejected } = backend.info;
  const tried = prefer.slice(0, prefer.findIndex((name) => name === backend.name));
  const reasons = tried.map((name) => {
    const reason = rejected.find((candidate) => candidate.name === name)?.reason;
    return ` No ${titles[name]}: ${reason}.`;
  });
  const wanted = choice === "auto" ? "the best that runs here" : "as you asked";
  const alone = plan.threads === "auto" && backend.name === "wasm" && !crossOriginIsolated
    ? " One thread only: the page is not cross-origin isolated, which takes the headers " +
      "Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy."
    : "";
  return { backend, words: `Computes with ${description}, ${wanted}.${reasons.join("")}${alone}` };
}
