/**
 * The training loss of a run as a function of its training time, between the evaluations it has.
 *
 * @module
 */

import type { RunSummary } from "@tekfac/tekfac/training";

/** The training loss at a time. */
interface Point {
  readonly seconds: number;
  readonly loss: number;
}

/**
 * The evaluations of a run on its training set, in time; empty where it was not evaluated after every
 * epoch.
 */
function pointsOf({ initialLoss, epochs }: RunSummary): Point[] {
  if (initialLoss === undefined) return [];
  const later = epochs.flatMap(({ seconds, trainLoss }) =>
    trainLoss === undefined ? [] : [{ seconds, loss: trainLoss }]
  );
  return later.length < epochs.length ? [] : [{ seconds: 0, loss: initialLoss }, ...later];
}

/** The point at a share of the way between two, the logarithm of the loss being linear where it can. */
function between(from: Point, to: Point, share: number): number {
  if (!(from.loss > 0 && to.loss > 0)) return from.loss + share * (to.loss - from.loss);
  return from.loss * (to.loss / from.loss) ** share;
}

/**
 * The training loss after some training time, interpolated between the ends of epochs (linear in the
 * logarithm of the loss); that of the end for any later time. `undefined` where the run was not evaluated
 * after every epoch.
 */
export function lossAfter(run: RunSummary, seconds: number): number | undefined {
  const points = pointsOf(run);
  const next = points.findIndex((point) => point.seconds >= seconds);
  if (next < 0) return points.at(-1)?.loss;
  if (next === 0) return points[0].loss;
  const [from, to] = [points[next - 1], points[next]];
  return between(from, to, (seconds - from.seconds) / (to.seconds - from.seconds));
}

/**
 * The training time after which the training loss was first as low as `target`, interpolated likewise;
 * `undefined` where it never was, or the run was not evaluated after every epoch.
 *
 * @example A loss that falls to a hundredth in an epoch of ten seconds
 * ```ts
 * import assert from "node:assert/strict";
 * import type { RunSummary } from "@tekfac/tekfac/training";
 * import { lossAfter, secondsTo } from "./course.ts";
 *
 * const end = { trainLoss: 0.01, testLoss: 0.02, testAccuracy: null, seconds: 10 };
 * const run: RunSummary = {
 *   ...end,
 *   initialLoss: 1,
 *   epochs: [{ ...end, epoch: 1, runningLoss: 0.3 }],
 *   stepMs: 20,
 * };
 * assert.equal(lossAfter(run, 5)!.toFixed(6), "0.100000"); // linear in the logarithm
 * assert.equal(secondsTo(run, 0.1)!.toFixed(6), "5.000000");
 * assert.equal(secondsTo(run, 0.001), undefined);
 * ```
 */
export function secondsTo(run: RunSummary, target: number): number | undefined {
  const points = pointsOf(run);
  const first = points.findIndex(({ loss }) => loss <= target);
  if (first < 0) return undefined;
  if (first === 0) return 0;
  const [from, to] = [points[first - 1], points[first]];
  const share = from.loss > 0 && to.loss > 0 && target > 0
    ? Math.log(target / from.loss) / Math.log(to.loss / from.loss)
    : (target - from.loss) / (to.loss - from.loss);
  return from.seconds + share * (to.seconds - from.seconds);
}
