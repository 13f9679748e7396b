/**
 * The same steps of AdamW here and in PyTorch, in turns; `../peers/gpt_step.py` is the other side.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { readWeights } from "@tekfac/tekfac/nn";
import { textRecipe } from "@tekfac/tekfac/training";
import { Exchange, findPython, PythonProcess } from "../peers/python_process.ts";
import { median, spread } from "../statistics.ts";
import { ADAMW, timedJob, tokenBatches } from "./model.ts";

/** Steps whose losses are compared. */
export const COMPARED = 20;

/** Losses of programs that round differently agree to this share over so many steps. */
const LOSS_TOLERANCE = 1e-3;

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
 * @param threads Of PyTorch.
 * @param seconds Time for it all.
 * @returns A reason instead where there is nothing to compare with.
 */
export async function comparePeer(
  backend: Backend,
  threads: number,
  seconds: number,
): Promise<PeerOutcome | string> {
  const command = await findPython("numpy", "torch");
  if (command === undefined) return "not installed (Debian: python3-torch)";
  using exchange = new Exchange();
  const { vocabulary, batches } = tokenBatches(COMPARED);
  using job = timedJob(backend, vocabulary, "adam");
  const { layers, heads, context } = textRecipe;
  const { learningRate: lr, beta1, beta2, decay, clip } = ADAMW;
  const weights = await Promise.all(job.model.parameters.map(async (parameter) => {
    const { rows, cols } = parameter.value;
    return { file: exchange.write(await readWeights(backend, parameter)), shape: [rows, cols] };
  }));
  const files = batches.map(({ inputs, targets }) => ({
    inputs: exchange.write(inputs),
    targets: exchange.write(targets),
  }));
  const theirs = new PythonProcess(command, "gpt_step.py", [String(threads)]);
  try {
    const sizes = { layers, heads, context };
    const rule = { lr, betas: [beta1, beta2], decay, clip };
    const setup = { ...sizes, ...rule, weights, batches: files };
    const { name, unable } = await theirs.ask<{ name: string; unable?: string }>(setup);
    if (unable !== undefined) return unable;
    const times = { ours: [] as number[], theirs: [] as number[] };
    let worst = 0;
    const end = performance.now() + 1000 * seconds;
    for (let step = 0; step < COMPARED || performance.now() < end; step++) {
      const batch = step % COMPARED;
      const start = performance.now();
      const { loss } = await job.optimizer.step(batches[batch]).report();
      times.ours.push(performance.now() - start);
      const answer = await theirs.ask<{ loss: number; milliseconds: number }>({ batch });
      times.theirs.push(answer.milliseconds);
      if (step < COMPARED) worst = Math.max(worst, Math.abs(answer.loss / loss - 1));
      // Written so that NaN is an error.
      if (!(worst <= LOSS_TOLERANCE)) throw new Error(`losses differ by ${worst} in step ${step}`);
    }
    const later = { ours: times.ours.slice(3), theirs: times.theirs.slice(3) };
    return {
      ...{ peer: name, worst },
      oursMs: median(later.ours),
      peerMs: median(later.theirs),
      scatter: spread(later.ours),
    };
  } finally {
    await theirs.close();
  }
}
