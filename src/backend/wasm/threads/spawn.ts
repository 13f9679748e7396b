/**
 * Starting and ending workers on different hosts.
 *
 * @module
 */

import { work, type WorkerInput } from "./worker.ts";

/** A worker that has been started, or is about to start. */
export interface SpawnedWorker {
  /** Ends it; it must not be asleep in `Atomics.wait` then, or some hosts never finish. */
  terminate(): void;
}

/** The part of `node:worker_threads` that matters here; Node, Deno and Bun have it. */
interface WorkerThreads {
  readonly Worker: new (
    text: string,
    options: { readonly eval: true; readonly workerData: WorkerInput },
  ) => {
    on(event: "error", listener: () => void): void;
    unref(): void;
    terminate(): Promise<number>;
  };
}

/** The part of `process` that finds modules of the host without an import. */
interface Process {
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** `node:worker_threads` where there is such a thing. */
function workerThreads(): WorkerThreads | undefined {
  const { process } = globalThis as { readonly process?: Process };
  const found = process?.getBuiltinModule?.("node:worker_threads") as WorkerThreads | undefined;
  return found?.Worker === undefined ? undefined : found;
}

/** Whether this host has workers of either kind. */
export function hasWorkers(): boolean {
  return workerThreads() !== undefined ||
    (typeof Worker === "function" && typeof URL.createObjectURL === "function");
}

/**
 * Starts a worker from text that comes with this module: nothing is fetched and no permission needed.
 *
 * Of the two kinds of workers a host may have, those of `node:worker_threads` come first, because
 * they can be told not to keep the process alive.
 *
 * @throws When the host refuses. What goes wrong later only means that the worker never takes a task.
 */
export function spawn(input: WorkerInput): SpawnedWorker {
  const threads = workerThreads();
  if (threads !== undefined) {
    const text = `(${work})(process.getBuiltinModule("node:worker_threads").workerData);`;
    const worker = new threads.Worker(text, { eval: true, workerData: input });
    worker.on("error", () => {});
    worker.unref();
    return { terminate: () => void worker.terminate() };
  }
  const text = `onmessage = (event) => (${work})(event.data);`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.addEventListener("error", (event) => event.preventDefault());
  worker.postMessage(input);
  return {
    terminate: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
