/**
 * What web workers of the library start from where a page's policy allows no others: see
 * {@linkcode BackendOptions.workerUrl}. It does nothing anywhere else.
 *
 * @example A page that allows scripts of its own only
 * ```ts ignore
 * import { createBackend } from "@tekfac/tekfac";
 * import workerUrl from "@tekfac/tekfac/worker?worker&url"; // as Vite resolves it
 *
 * const backend = await createBackend({ threads: 4, workerUrl });
 * ```
 *
 * @module
 */

import { work, type WorkerInput } from "./worker.ts";

/** The part of a worker's global scope that matters here. */
interface WorkerScope {
  readonly document?: unknown;
  onmessage?: ((event: { readonly data: WorkerInput }) => void) | null;
  postMessage?(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;
if (scope.document === undefined && typeof scope.postMessage === "function") {
  scope.onmessage = ({ data }) => work(data);
  scope.postMessage(0);
}
