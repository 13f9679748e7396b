/**
 * Choosing where to compute, and saying in words what was chosen and why.
 *
 * @module
 */

import { type Backend, type BackendOptions, createBackend } from "@tekfac/tekfac";
import type { BackendChoice } from "./settings.ts";

/**
 * What a choice means. `auto` takes a GPU before the processor, but not one that is only imitated by
 * the processor; whoever asks for WebGPU by name gets that too.
 */
const options: Readonly<Record<BackendChoice, BackendOptions>> = {
  auto: { prefer: ["webgpu", "wasm", "reference"], threads: "auto" },
  webgpu: { prefer: ["webgpu"], allowSoftware: true },
  threads: { prefer: ["wasm"], threads: "auto" },
  single: { prefer: ["wasm"] },
};

/** A backend, and a sentence or two about it. */
export interface DescribedBackend {
  readonly backend: Backend;
  readonly words: string;
}

/** Creates the backend of a choice. The caller disposes it. */
export async function openBackend(choice: BackendChoice): Promise<DescribedBackend> {
  const backend = await createBackend(options[choice]);
  const { description, rejected } = backend.info;
  const reasons = rejected.map(({ name, reason }) => ` No ${titles[name] ?? name}: ${reason}.`);
  const single = choice !== "single" && backend.name === "wasm" && !globalThis.crossOriginIsolated
    ? " One thread only: the page is not cross-origin isolated, which takes the headers " +
      "Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy."
    : "";
  const why = choice === "auto" ? "the fastest that runs here" : "as you asked";
  return { backend, words: `Computes with ${description}, ${why}.${reasons.join("")}${single}` };
}

const titles: Readonly<Record<string, string>> = { webgpu: "WebGPU", wasm: "WebAssembly SIMD" };
