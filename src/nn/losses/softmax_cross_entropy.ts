/**
 * The loss of classification into K classes.
 *
 * @module
 */

import { DataError } from "../../core/errors.ts";
import type { Loss } from "./loss.ts";
import { uniforms } from "./noise.ts";

/**
 * `l_n = log sum_k exp z_nk - z_n,label`: minus the log probability of the label under
 * `softmax(z_n)`. Gradient with respect to z: `softmax(z_n) - onehot(label)`.
 *
 * Targets are labels, integers in [0, K), one per example; outputs are logits.
 */
export function softmaxCrossEntropy(): Loss {
  return {
    kind: "softmaxCrossEntropy",
    targetShape: (examples) => [1, examples],
    checkTargets: checkLabels,
    drawNoise: uniforms,
    countCorrect,
  };
}

function checkLabels(labels: ArrayLike<number>, classes: number): void {
  for (let n = 0; n < labels.length; n++) {
    const label = labels[n];
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new DataError(
      "batch",
      `label of example ${n} must be an integer in [0, ${classes - 1}]: received ${label}`,
    );
  }
}

/** An example is right when its label has the largest logit; of equal ones, the first counts. */
function countCorrect(outputs: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = outputs.length / labels.length;
  let correct = 0;
  for (let n = 0; n < labels.length; n++) {
    let best = 0;
    for (let k = 1; k < classes; k++) {
      if (outputs[n * classes + k] > outputs[n * classes + best]) best = k;
    }
    if (best === labels[n]) correct++;
  }
  return correct;
}
