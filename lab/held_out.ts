/**
 * What a run is judged by: a number about examples that it has not seen, and when it came down to a target.
 *
 * @module
 */

import type { EpochRecord, RunSummary } from "@tekfac/tekfac/training";

/**
 * The quantities, the lower the better: the mean loss, the share of wrong answers, or one that the run's
 * own metrics tell, by its name.
 */
export type HeldOutMetric = "loss" | "error" | "balancedError" | "rmse";

/** What the quantities are called. */
export const metricNames: Readonly<Record<HeldOutMetric, string>> = {
  loss: "test loss",
  error: "test error",
  balancedError: "balanced test error",
  rmse: "test RMSE",
};

/**
 * The quantity of a run at its end, or after one of its epochs.
 *
 * @throws {TypeError} When the run does not tell it.
 *
 * @example The share of wrong answers
 * ```ts
 * import assert from "node:assert/strict";
 * import { heldOut } from "./held_out.ts";
 *
 * const end = { testLoss: 0.2, testAccuracy: 0.75, metrics: { rmse: 3 } };
 * assert.equal(heldOut("error", end), 0.25);
 * assert.equal(heldOut("rmse", end), 3);
 * ```
 */
export function heldOut(
  metric: HeldOutMetric,
  { testLoss, testAccuracy, metrics }: Pick<
    EpochRecord,
    "testLoss" | "testAccuracy" | "metrics"
  >,
): number {
  if (metric === "loss") return testLoss;
  const value = metric === "error"
    ? testAccuracy === null ? undefined : 1 - testAccuracy
    : metrics?.[metric];
  if (value !== undefined) return value;
  throw new TypeError(`Cannot judge a run by its ${metric}: expected it in the run's record`);
}

/** How far a run was. */
export interface Mark {
  /** Passes over the examples to learn from: the same on every machine, however busy it is. */
  readonly epochs: number;
  /** Training time. */
  readonly seconds: number;
}

/**
 * When the quantity was first at most `target`, interpolated between the ends of epochs (linear in the
 * logarithm of the value where it can be). Inside its first epoch nothing is known of a run, so that all of it
 * counts. `undefined` where the target was never reached.
 *
 * @example A loss that falls to a hundredth in an epoch of ten seconds
 * ```ts
 * import assert from "node:assert/strict";
 * import type { RunSummary } from "@tekfac/tekfac/training";
 * import { markAt, valueAfter } from "./held_out.ts";
 *
 * const after = (epoch: number, testLoss: number) => ({
 *   ...{ epoch, runningLoss: 1, testLoss, testAccuracy: null, seconds: 10 * epoch },
 * });
 * const run: RunSummary = {
 *   epochs: [after(1, 1), after(2, 0.01)],
 *   ...{ trainLoss: 0.01, testLoss: 0.01, testAccuracy: null, seconds: 20, stepMs: 20 },
 * };
 * assert.equal(markAt(run, "loss", 0.1)!.epochs.toFixed(6), "1.500000");
 * assert.equal(markAt(run, "loss", 2)!.seconds, 10);
 * assert.equal(markAt(run, "loss", 0.001), undefined);
 * assert.equal(valueAfter(run, "loss", 15)!.toFixed(6), "0.100000");
 * ```
 */
export function markAt(run: RunSummary, metric: HeldOutMetric, target: number): Mark | undefined {
  const values = run.epochs.map((epoch) => heldOut(metric, epoch));
  const next = values.findIndex((value) => value <= target);
  if (next < 0) return undefined;
  const { epoch: epochs, seconds } = run.epochs[next];
  if (next === 0) return { epochs, seconds };
  const [from, to] = [values[next - 1], values[next]];
  const share = Math.min(from, to, target) > 0
    ? Math.log(target / from) / Math.log(to / from)
    : (target - from) / (to - from);
  const before = run.epochs[next - 1];
  return {
    epochs: before.epoch + share * (epochs - before.epoch),
    seconds: before.seconds + share * (seconds - before.seconds),
  };
}

/** Where a run ended. */
export function endOf({ epochs, seconds }: RunSummary): Mark {
  return { epochs: epochs.at(-1)?.epoch ?? 0, seconds };
}

/**
 * The quantity after some training time, interpolated likewise; after the first epoch for any time before its
 * end, that of the end for any later time, `undefined` where there was no epoch.
 */
export function valueAfter(
  { epochs }: RunSummary,
  metric: HeldOutMetric,
  seconds: number,
): number | undefined {
  const values = epochs.map((epoch) => heldOut(metric, epoch));
  const next = epochs.findIndex((epoch) => epoch.seconds >= seconds);
  if (next <= 0) return values.at(next);
  const [from, to] = [values[next - 1], values[next]];
  const [begin, end] = [epochs[next - 1].seconds, epochs[next].seconds];
  const share = (seconds - begin) / (end - begin);
  return from > 0 && to > 0 ? from * (to / from) ** share : from + share * (to - from);
}
