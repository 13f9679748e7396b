/**
 * Perplexity.
 *
 * @module
 */

import { logSumExp } from "./auc.ts";
import { classesOf, type Metric } from "./metric.ts";

/**
 * `exp(mean_n -log p_n)`, p the probability of the label under the softmax of the outputs: among how many equally
 * likely classes a model would be as unsure as this one, >= 1.
 *
 * @example As unsure as among four
 * ```ts
 * import assert from "node:assert/strict";
 * import { perplexity } from "@tekfac/tekfac/training";
 *
 * assert(Math.abs(perplexity().of([0, 0, 0, 0], [2]) - 4) < 1e-12);
 * ```
 */
export function perplexity(): Metric {
  return {
    name: "perplexity",
    better: "lower",
    of(outputs, labels) {
      const classes = classesOf(outputs, labels);
      let sum = 0;
      for (let n = 0; n < labels.length; n++) {
        sum += logSumExp(outputs, n, classes) - outputs[n * classes + labels[n]];
      }
      return Math.exp(sum / labels.length);
    },
  };
}
