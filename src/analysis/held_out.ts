/**
 * Which prior and which noise examples speak for that no weight has seen.
 *
 * @module
 */

import type { BatchLike } from "../nn/batch.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import { type ExampleSource, streamOf } from "./example_source.ts";
import type { LaplacePosterior } from "./posterior.ts";
import type { Work } from "./work.ts";

/** Examples, so many at a time. */
interface HeldOut {
  readonly data: ExampleSource<BatchLike>;
  readonly microBatch: number;
  readonly work: Work;
}

/** A posterior that has its prior, and waits for its noise. */
type WithNoise = (noiseVariance: number) => LaplacePosterior;

/** Relative change of the noise's variance below which it is taken as found. */
const NEAR = 1e-3;

/** Of a variance: residuals may all be zero. */
const LEAST = 1e-12;

/** Rounds after which it is taken as it is. */
const MOST_ROUNDS = 50;

/**
 * The posterior with which held-out examples are most likely.
 *
 * @param noise Its variance, or where the search for each prior's own begins.
 */
export async function bestOnHeldOut(
  goal: ModelObjective,
  heldOut: HeldOut,
  candidates: readonly WithNoise[],
  noise: { readonly variance: number; readonly free: boolean },
): Promise<LaplacePosterior> {
  let best: { readonly posterior: LaplacePosterior; readonly loss: number } | undefined;
  let { variance } = noise;
  for (const [i, candidate] of candidates.entries()) {
    const next = () => heldOut.work.advance("priors", i, candidates.length);
    await next();
    // The next candidate's is near this one's.
    if (noise.free) variance = await noiseOf(goal, heldOut, candidate, { variance, next });
    const posterior = candidate(variance);
    const loss = await posterior.negativeLogLikelihood(heldOut.data);
    if (best === undefined || loss < best.loss) best = { posterior, loss };
  }
  return best!.posterior;
}

/**
 * The noise of one prior: with `lambda = delta sigma^2 / (N v)`, all deviations are proportional to sigma,
 *
 * ```text
 * y_n - f_n ~ N(0, sigma^2 (1 + h_n)),   h_n = J_n (F + lambda)^-1 J_n^T / (N v),
 * sigma^2 = mean of (y_n - f_n)^2 / (1 + h_n)
 * ```
 *
 * being the likeliest at this lambda. Iterated for a fixed delta: the mean grows with sigma^2, but more slowly, so there is
 * one fixed point and the iteration comes to it.
 */
async function noiseOf(
  goal: ModelObjective,
  { data, microBatch }: HeldOut,
  candidate: WithNoise,
  start: { readonly variance: number; readonly next: () => Promise<void> },
): Promise<number> {
  let { variance } = start;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const posterior = candidate(variance);
    let [sum, count] = [0, 0];
    for (const { batch: { inputs, targets } } of streamOf(goal, data, microBatch)) {
      const { outputs, variances } = await posterior.predict(inputs);
      variances.forEach((own, i) => sum += (targets[i] - outputs[i]) ** 2 / (1 + own / variance));
      count += outputs.length;
      await start.next();
    }
    const next = Math.max(sum / count, LEAST);
    const moved = Math.abs(Math.log(next / variance));
    variance = next;
    if (moved < NEAR) break;
  }
  return variance;
}
