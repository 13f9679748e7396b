/**
 * How many threads a backend gets on this host.
 *
 * @module
 */

import { builtin, hasWorkers, whyNoWorkers } from "./spawn.ts";

/** Most threads that `"auto"` takes: more seldom pay at the sizes that are trained here. */
const MOST_AUTOMATIC = 4;

/** A number of threads, and why there are no more where more were asked for. */
export interface ThreadCount {
  /** At least 1. */
  readonly threads: number;
  /** What is missing. */
  readonly reason?: string;
}

/** The number of threads for a wish: a number >= 1, or one per core up to four. */
export function threadCount(wish: number | "auto"): ThreadCount {
  if (wish === 1) return { threads: 1 };
  const reason = missing();
  if (reason !== undefined) return { threads: 1, reason };
  if (wish !== "auto") return { threads: wish };
  const cores = coreCount();
  if (cores < 2) return { threads: 1, reason: "there is one core" };
  return { threads: Math.min(cores, MOST_AUTOMATIC) };
}

/**
 * The number of threads for a wish, where there is time to find out whether workers begin at all.
 *
 * @param url What workers are started from, if not from their text.
 */
export async function startableThreads(
  wish: number | "auto",
  url?: string | URL,
): Promise<ThreadCount> {
  const count = threadCount(wish);
  if (count.threads === 1) return count;
  const reason = await whyNoWorkers(url);
  return reason === undefined ? count : { threads: 1, reason };
}

/** Cores that this process may use; Node 20 has no navigator. */
function coreCount(): number {
  const os = builtin<{ availableParallelism?(): number }>("node:os");
  return globalThis.navigator?.hardwareConcurrency ?? os?.availableParallelism?.() ?? 1;
}

/** What this host lacks for threads over one memory, if anything. */
function missing(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined") return "no SharedArrayBuffer";
  // Pages may share memory only when they are isolated from others; hosts without pages know no such flag.
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  if ("document" in globalThis && crossOriginIsolated === false) {
    return "the page is not cross-origin isolated";
  }
  return hasWorkers() ? undefined : "no workers";
}
