/**
 * F1.
 *
 * @module
 */

import { classesOf, type Metric, predictedClass } from "./metric.ts";

/**
 * The mean over classes of `F1_k = 2 TP_k / (2 TP_k + FP_k + FN_k)`, the harmonic mean of precision and recall, in
 * [0, 1] ("macro"). Classes that are neither among labels nor predictions do not count.
 *
 * @example Two of three are right
 * ```ts
 * import assert from "node:assert/strict";
 * import { f1 } from "@tekfac/tekfac/training";
 *
 * // Class 0 is predicted twice, once rightly; class 1 once, rightly, of two.
 * assert.equal(f1().of([1, 0, 1, 0, 0, 1], [0, 1, 1]), 2 / 3);
 * ```
 */
export function f1(): Metric {
  return { name: "f1", better: "higher", of };
}

function of(outputs: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = classesOf(outputs, labels);
  const hits = new Uint32Array(classes);
  const named = new Uint32Array(classes);
  for (let n = 0; n < labels.length; n++) {
    const guess = predictedClass(outputs, n, classes);
    // 2 TP + FP + FN: a class's labels and its predictions, both counted.
    named[guess]++;
    named[labels[n]]++;
    if (guess === labels[n]) hits[guess]++;
  }
  let sum = 0;
  let present = 0;
  for (let k = 0; k < classes; k++) {
    if (named[k] === 0) continue;
    sum += 2 * hits[k] / named[k];
    present++;
  }
  return sum / present;
}
