/**
 * Two libraries at the same work, in turns.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { median, spread } from "../statistics.ts";
import type { Peer, Task } from "./peer.ts";
import { findError } from "./verify.ts";
import { type Arrays, operationsOf, type Work } from "./work.ts";

/** One line of the comparison. */
export interface Comparison {
  /** What was done. */
  readonly work: string;
  /** Milliseconds per run, ours. */
  readonly oursMs: number;
  /** The other library. */
  readonly peer: string;
  /** Milliseconds per run, theirs. */
  readonly peerMs: number;
  /** `peerMs / oursMs`: above 1 we are faster. */
  readonly ratio: number;
  /** Ours, in 10^9 additions and multiplications per second. */
  readonly gflops: number;
  /** The same over the peak of one thread, measured in the same minutes. */
  readonly shareOfPeak: number;
}

/** Medians are taken of so many samples, fewer when they are slow. */
const SAMPLES = 9;

/** Shorter samples would measure the clock. */
const SAMPLE_MS = 20;

/** Fewer samples than three suffice where the runs are longer than this: a warmed-up one. */
const LONG_MS = 2000;

/** Whoever takes longer than this for one run is timed by the run that was verified, and no more. */
const PATIENCE_MS = 15000;

/** What a comparison came to: numbers and how our timings scattered, or why there are none. */
export type Outcome = { readonly row: Comparison; readonly scatter: number } | string;

/**
 * Compares one task.
 *
 * @param backend For the verification.
 * @param work The task.
 * @param inputs Its inputs.
 * @param ours Our task, prepared and run once.
 * @param peer The other library.
 * @param peak Measures the peak once, in GFLOP/s.
 * @param seconds Time after which no further sample is taken, if there have been enough.
 */
export async function compare(
  backend: Backend,
  work: Work,
  inputs: Arrays,
  ours: Task,
  peer: Peer,
  peak: () => number,
  seconds: number,
): Promise<Outcome> {
  const theirs = await peer.prepare(work, inputs);
  if (typeof theirs === "string") return theirs;
  try {
    const first = await theirs.time(1);
    const error = findError(backend, work, inputs, await theirs.result(), await ours.result());
    if (error !== undefined) return error;
    const slow = first > PATIENCE_MS;
    const samples = await takeTurns(slow ? [ours] : [ours, theirs], seconds, peak);
    const [oursMs, peerMs = first] = samples.times.map(median);
    const gflops = operationsOf(work) / oursMs / 1e6;
    const limit = Math.max(...samples.peaks);
    return {
      row: {
        work: work.name,
        oursMs,
        peer: peer.name,
        peerMs,
        ratio: peerMs / oursMs,
        gflops,
        shareOfPeak: gflops / limit,
      },
      scatter: spread(samples.times[0]),
    };
  } finally {
    theirs.close();
  }
}

/** Times tasks in turns, with a look at the peak in every round. */
async function takeTurns(
  tasks: readonly Task[],
  seconds: number,
  peak: () => number,
): Promise<{ times: number[][]; peaks: number[] }> {
  const runs: number[] = [];
  let least = 3;
  for (const task of tasks) {
    // The second run: the first may still have been compiling.
    const once = await task.time(1);
    runs.push(Math.max(1, Math.ceil(SAMPLE_MS / once)));
    if (once > LONG_MS) least = 1;
    if (once < SAMPLE_MS) await task.time(runs[runs.length - 1]);
  }
  const times = tasks.map((): number[] => []);
  const peaks: number[] = [];
  const end = performance.now() + 1000 * seconds;
  for (let i = 0; i < SAMPLES && (i < least || performance.now() < end); i++) {
    for (let t = 0; t < tasks.length; t++) times[t].push(await tasks[t].time(runs[t]));
    peaks.push(peak());
  }
  return { times, peaks };
}
