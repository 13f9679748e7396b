/**
 * The backend of a command.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { createBackend } from "../backend/mod.ts";

/** What `--backend` may say. */
export const backendChoices = ["auto", "wasm", "webgpu", "reference"] as const;

/** One of {@linkcode backendChoices}. */
export type BackendChoice = typeof backendChoices[number];

/**
 * Creates it, on all cores unless a number of threads is given. A GPU is only taken where it is named, and then one in software will do.
 *
 * @returns The caller disposes it.
 * @throws {BackendError} Where what was named cannot run.
 */
export function openBackend(
  choice: BackendChoice,
  threads: number | "auto" = "auto",
): Promise<Backend> {
  return createBackend({
    threads,
    ...(choice === "auto" ? {} : { prefer: [choice], allowSoftware: true }),
  });
}
