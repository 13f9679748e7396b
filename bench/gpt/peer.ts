/**
 * The same steps of AdamW or SGD here and in another program, in turns.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { TokenBatch } from "@tekfac/tekfac/data";
import { readWeights } from "@tekfac/tekfac/nn";
import { median, spread } from "../statistics.ts";
import { timedJob, tokenBatches } from "./model.ts";

/** Steps whose losses are compared. */
export const COMPARED = 20;

/** Losses of programs that round differently agree to this share over so many steps. */
const LOSS_TOLERANCE = 1e-4;

/** Steps that are not timed: the other side may still be compiling. */
const WARMING = 3;

/** Optimizers that other programs have, too. */
export type PeerMethod = "adam" | "sgd";

/** What both sides begin with. */
export interface PeerSetup {
  /** Whose steps are taken: those of `ADAMW`, or of `SGD`. */
  readonly method: PeerMethod;
  /** Characters that there are. */
  readonly vocabulary: number;
  /** Of `gpt()`, in the order of its parameters, rows of [weights | bias]. */
  readonly weights: readonly Weights[];
  readonly batches: readonly TokenBatch[];
  /** Of programs that can be told. */
  readonly threads: number;
}

/** One matrix, row by row. */
export interface Weights {
  readonly numbers: ArrayLike<number>;
  readonly rows: number;
  readonly cols: number;
}

/** A program that takes the steps of its setup. */
export interface StepPeer {
  /** With its version, and how many threads it has. */
  readonly name: string;
  /** Takes a step on one of the batches; tells the loss before it. */
  step(batch: number): Promise<{ readonly loss: number; readonly milliseconds: number }>;
  close(): Promise<void>;
}

/** Starts a program, or says why it is left out. */
export type StartPeer = (setup: PeerSetup) => Promise<StepPeer | string>;

/** What came of it. */
export interface PeerOutcome {
  readonly peer: string;
  readonly oursMs: number;
  readonly peerMs: number;
  /** Worst relative difference of the first losses. */
  readonly worst: number;
  readonly scatter: number;
}

/**
 * Compares losses, then times.
 *
 * @param backend Where our model lives.
 * @param start The other program.
 * @param method Whose steps.
 * @param threads Of the other program.
 * @param seconds Time for it all.
 * @returns A reason instead where there is nothing to compare with.
 */
export async function comparePeer(
  backend: Backend,
  start: StartPeer,
  { method, threads, seconds }: {
    readonly method: PeerMethod;
    readonly threads: number;
    readonly seconds: number;
  },
): Promise<PeerOutcome | string> {
  const { vocabulary, batches } = tokenBatches(COMPARED);
  using job = timedJob(backend, vocabulary, method);
  const weights = await Promise.all(job.model.parameters.map(async (parameter) => {
    const { rows, cols } = parameter.value;
    return { numbers: await readWeights(backend, parameter), rows, cols };
  }));
  const theirs = await start({ method, vocabulary, weights, batches, threads });
  if (typeof theirs === "string") return theirs;
  try {
    const times = { ours: [] as number[], theirs: [] as number[] };
    let worst = 0;
    const end = performance.now() + 1000 * seconds;
    for (let step = 0; step < COMPARED || performance.now() < end; step++) {
      const batch = step % COMPARED;
      const start = performance.now();
      const { loss } = await job.optimizer.step(batches[batch]).report();
      times.ours.push(performance.now() - start);
      const answer = await theirs.step(batch);
      times.theirs.push(answer.milliseconds);
      if (step < COMPARED) worst = Math.max(worst, Math.abs(answer.loss / loss - 1));
      // Written so that NaN is an error.
      if (!(worst <= LOSS_TOLERANCE)) throw new Error(`losses differ by ${worst} in step ${step}`);
    }
    const [ours, others] = [times.ours, times.theirs].map((all) => all.slice(WARMING));
    return {
      ...{ peer: theirs.name, worst },
      oursMs: median(ours),
      peerMs: median(others),
      scatter: spread(ours),
    };
  } finally {
    await theirs.close();
  }
}
