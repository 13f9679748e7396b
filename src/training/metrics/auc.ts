/**
 * Area under the ROC curve.
 *
 * @module
 */

import { classesOf, type Metric } from "./metric.ts";

/**
 * Area under the ROC curve, in [0, 1], 0.5 for guessing: the probability that an example of the class has a larger
 * score than one of another class, ties counting half. From ranks, as Mann and Whitney's U:
 * `(sum of the ranks of the P examples of the class - P (P + 1) / 2) / (P Q)`, Q examples of the others.
 *
 * With two classes the score is `z_1 - z_0`. With more it is the probability of the class under the softmax, each
 * class against the rest, and the mean over the classes that some examples have and some have not; NaN without any.
 *
 * @example Every example of class 1 has a larger score
 * ```ts
 * import assert from "node:assert/strict";
 * import { auc } from "@tekfac/tekfac/training";
 *
 * assert.equal(auc().of([0, -2, 0, -1, 0, 3], [0, 1, 1]), 1);
 * ```
 */
export function auc(): Metric {
  return { name: "auc", better: "higher", of };
}

function of(outputs: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = classesOf(outputs, labels);
  if (classes === 2) {
    const scores = Float64Array.from(labels, (_, n) => outputs[2 * n + 1] - outputs[2 * n]);
    return areaOf(scores, labels, 1);
  }
  const normalizers = Float64Array.from(labels, (_, n) => logSumExp(outputs, n, classes));
  let sum = 0;
  let defined = 0;
  for (let k = 0; k < classes; k++) {
    const scores = Float64Array.from(labels, (_, n) => outputs[n * classes + k] - normalizers[n]);
    const area = areaOf(scores, labels, k);
    if (Number.isNaN(area)) continue;
    sum += area;
    defined++;
  }
  return sum / defined;
}

/** Of one class against the others; NaN where one side has no example. */
function areaOf(scores: Float64Array, labels: ArrayLike<number>, label: number): number {
  const order = Uint32Array.from(scores, (_, n) => n).sort((a, b) => scores[a] - scores[b]);
  let [ranks, own] = [0, 0];
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && scores[order[to]] === scores[order[from]]) to++;
    // Equal scores share the mean of their ranks from + 1 .. to.
    for (let i = from; i < to; i++) {
      if (labels[order[i]] !== label) continue;
      ranks += (from + 1 + to) / 2;
      own++;
    }
    from = to;
  }
  const others = order.length - own;
  return own === 0 || others === 0 ? NaN : (ranks - own * (own + 1) / 2) / (own * others);
}

/** `log sum_k exp z_nk` without overflow. */
export function logSumExp(outputs: ArrayLike<number>, example: number, classes: number): number {
  const start = example * classes;
  let largest = -Infinity;
  for (let k = 0; k < classes; k++) largest = Math.max(largest, outputs[start + k]);
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += Math.exp(outputs[start + k] - largest);
  return largest + Math.log(sum);
}
