/**
 * Accuracy, and accuracy that forgives.
 *
 * @module
 */

import { checkNumber } from "../../core/options.ts";
import { classesOf, type Metric } from "./metric.ts";

/**
 * Share of the examples whose label has the largest logit, in [0, 1]; of equal logits, the first counts.
 *
 * @example One of two is right
 * ```ts
 * import assert from "node:assert/strict";
 * import { accuracy, topK } from "@tekfac/tekfac/training";
 *
 * assert.equal(accuracy().of([2, 1, 0, 2, 1, 0], [0, 1]), 0.5);
 * assert.equal(topK(2).of([2, 1, 0, 2, 1, 0], [0, 1]), 1);
 * ```
 */
export function accuracy(): Metric {
  return { ...topK(1), name: "accuracy" };
}

/**
 * Share of the examples whose label is among the k classes with the largest logits, in [0, 1]; of equal logits,
 * the first come first. Named `"top3"` for k = 3.
 *
 * @param k How many, an integer >= 1.
 * @throws {OptionError} When it is something else.
 */
export function topK(k: number): Metric {
  checkNumber("Cannot make the metric topK", "k", k, { min: 1, integer: true });
  return {
    name: `top${k}`,
    better: "higher",
    of(outputs, labels) {
      const classes = classesOf(outputs, labels);
      let right = 0;
      for (let n = 0; n < labels.length; n++) {
        const label = labels[n];
        const own = outputs[n * classes + label];
        let before = 0;
        for (let j = 0; j < classes; j++) {
          const other = outputs[n * classes + j];
          if (other > own || other === own && j < label) before++;
        }
        if (before < k) right++;
      }
      return right / labels.length;
    },
  };
}
