/**
 * Data sets made harder: classes of unequal frequency, wrong labels; and what they are judged by.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { type Dataset, type DatasetSplit, examplesIn, subset } from "@tekfac/tekfac/data";
import type { Metric } from "@tekfac/tekfac/training";

/** Decides which examples are left out or mislabelled: the same in every run. */
const SEED = 5;

/**
 * A data set from which class k, counted from 1, keeps a share `k^-exponent` of its examples to learn from. Those to be
 * judged by stay.
 *
 * @example Of the second class a half is left
 * ```ts
 * import assert from "node:assert/strict";
 * import { table } from "@tekfac/tekfac/data";
 * import { imbalanced } from "./altered.ts";
 *
 * const labels = [0, 0, 0, 0, 1, 1, 1, 1];
 * const all = table({ inputs: [1, 2, 3, 4, 5, 6, 7, 8], targets: labels, classes: 2 });
 * const { train, test } = imbalanced({ train: all, test: all }, 1);
 * assert.deepEqual([...train.targets].sort(), [0, 0, 0, 0, 1, 1]);
 * assert.equal(test.targets.length, 8);
 * ```
 */
export function imbalanced<D extends Dataset>(
  { train, test }: DatasetSplit<D>,
  exponent = 1.5,
): DatasetSplit<D> {
  const order = new Random(SEED).permutation(examplesIn(train));
  const all = new Map<number, number>();
  for (const label of train.targets) all.set(label, (all.get(label) ?? 0) + 1);
  const left = new Map([...all].map(([k, count]) => [k, Math.round(count * (k + 1) ** -exponent)]));
  const kept = order.filter((n) => {
    const label = train.targets[n];
    const more = left.get(label)!;
    left.set(label, more - 1);
    return more > 0;
  });
  return { train: subset(train, kept.sort()), test };
}

/**
 * A data set in which a share of the labels to learn from are wrong: each of those is another class, all of them as
 * likely.
 */
export function mislabelled<D extends Dataset>(
  { train, test }: DatasetSplit<D>,
  share: number,
): DatasetSplit<D> {
  const { classes = 0 } = train;
  const random = new Random(SEED);
  const labels = train.targets.map((label) =>
    random.uniform() < share ? (label + 1 + random.integer(classes - 1)) % classes : label
  );
  const names = "labels" in train ? { labels } : {};
  return { train: Object.freeze({ ...train, targets: labels, ...names }), test };
}

/** The mean over classes of the share of their examples that are classified wrongly. */
export function balancedError(): Metric {
  return {
    name: "balancedError",
    better: "lower",
    of: (outputs, labels) => {
      const classes = outputs.length / labels.length;
      const [wrong, all] = [new Float64Array(classes), new Float64Array(classes)];
      for (let n = 0; n < labels.length; n++) {
        let best = 0;
        for (let k = 1; k < classes; k++) {
          if (outputs[n * classes + k] > outputs[n * classes + best]) best = k;
        }
        all[labels[n]]++;
        if (best !== labels[n]) wrong[labels[n]]++;
      }
      const shares = [...wrong].flatMap((count, k) => all[k] === 0 ? [] : [count / all[k]]);
      return shares.reduce((sum, value) => sum + value, 0) / shares.length;
    },
  };
}
