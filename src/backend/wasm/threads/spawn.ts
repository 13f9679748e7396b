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

/** How a worker is started. */
export interface SpawnOptions {
  /** A script of the page's own in the place of the text in this module; for web workers. */
  readonly url?: string | URL | undefined;
  /** Called when it has ended, or could not begin, by itself; some hosts never tell. */
  readonly onEnd?: (() => void) | undefined;
}

/** The part of `node:worker_threads` that matters here; Node, Deno and Bun have it. */
interface WorkerThreads {
  readonly Worker: new (
    text: string,
    options: { readonly eval: true; readonly workerData: WorkerInput },
  ) => {
    on(event: "error" | "exit", listener: () => void): void;
    unref(): void;
    terminate(): Promise<number>;
  };
}

/** The part of `process` that finds modules of the host without an import. */
interface Process {
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** A module of Node, where there is such a thing. */
export function builtin<T>(name: string): T | undefined {
  const { process } = globalThis as { readonly process?: Process };
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** `node:worker_threads` where there is such a thing. */
function workerThreads(): WorkerThreads | undefined {
  const found = builtin<WorkerThreads>("node:worker_threads");
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
export function spawn(input: WorkerInput, { url, onEnd = () => {} }: SpawnOptions): SpawnedWorker {
  const threads = workerThreads();
  if (threads !== undefined) {
    const text = `(${work})(process.getBuiltinModule("node:worker_threads").workerData);`;
    const worker = new threads.Worker(text, { eval: true, workerData: input });
    worker.on("error", onEnd);
    worker.on("exit", onEnd);
    worker.unref();
    return { terminate: () => void worker.terminate() };
  }
  const { worker, terminate } = webWorker(`onmessage = ({ data }) => (${work})(data);`, url);
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    onEnd();
  });
  worker.postMessage(input);
  return { terminate };
}

/** Milliseconds in which a web worker has to begin. */
const BEGINNING = 10_000;

/**
 * Whether workers begin here, tried with one: the policy of a page (Content-Security-Policy, `worker-src`) may forbid
 * them, which their constructor does not tell. Only web workers are tried.
 *
 * @returns Why they do not.
 */
export async function whyNoWorkers(url?: string | URL): Promise<string | undefined> {
  if (workerThreads() !== undefined) return undefined;
  const what = url === undefined ? "blob: URLs" : `'${url}'`;
  const forbidden =
    `no worker begins from ${what}; see the page's Content-Security-Policy, worker-src`;
  try {
    const { worker, terminate } = webWorker("postMessage(0);", url);
    try {
      return await new Promise<string | undefined>((resolve) => {
        const end = setTimeout(() => resolve(forbidden), BEGINNING);
        const settle = (reason?: string) => {
          clearTimeout(end);
          resolve(reason);
        };
        worker.addEventListener("message", () => settle());
        worker.addEventListener("error", (event) => {
          event.preventDefault();
          settle(forbidden);
        });
      });
    } finally {
      terminate();
    }
  } catch {
    return forbidden;
  }
}

function webWorker(text: string, url?: string | URL): { worker: Worker; terminate(): void } {
  const blob = url === undefined
    ? URL.createObjectURL(new Blob([text], { type: "text/javascript" }))
    : undefined;
  const worker = new Worker(blob ?? url!, { type: "module" });
  const terminate = (): void => {
    worker.terminate();
    if (blob !== undefined) URL.revokeObjectURL(blob);
  };
  return { worker, terminate };
}
