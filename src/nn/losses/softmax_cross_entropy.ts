/**
 * The loss of classification into K classes.
 *
 * @module
 */

import { DataError } from "../../core/errors.ts";
import { number, optional, resolve, type SchemaOf } from "../../core/schema.ts";
import type { Loss } from "./loss.ts";
import { uniforms } from "./noise.ts";

/** Options of {@linkcode softmaxCrossEntropy}. */
export interface SoftmaxCrossEntropyOptions {
  /** Share of the target that all classes have alike, in [0, 1) (Szegedy et al. 2016, arXiv 1512.00567). @default {0} */
  readonly smoothing?: number;
}

/** What the options take. */
export const softmaxCrossEntropySchema = {
  smoothing: optional(number({ min: 0, below: 1 }), 0),
} satisfies SchemaOf<SoftmaxCrossEntropyOptions>;

/**
 * `l_n = log sum_k exp z_nk - z_n,label`: minus the log probability of the label under
 * `softmax(z_n)`. Gradient with respect to z: `softmax(z_n) - onehot(label)`.
 *
 * Targets are labels, integers in [0, K), one per example; outputs are logits. Where the model gives sequences
 * [T, K], there is a label per position, and the loss of an example is the mean over its positions.
 *
 * With `smoothing` epsilon the target is `(1 - epsilon) onehot(label) + epsilon / K`. The Hessian, and so the curvature,
 * is the same; evaluations have the smoothed loss, too.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example The mean over three positions
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, softmaxCrossEntropy, zeros } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [3, 2], layers: [dense(4, { init: zeros })] });
 * const batch = { inputs: [1, 2, 3, 4, 5, 6], targets: [0, 3, 2] };
 * const { loss } = await objective(model, softmaxCrossEntropy()).evaluate(batch);
 * assert(Math.abs(loss - Math.log(4)) < 1e-6);
 * ```
 */
export function softmaxCrossEntropy(options: SoftmaxCrossEntropyOptions = {}): Loss {
  const subject = "Cannot create softmaxCrossEntropy";
  const { smoothing } = resolve(subject, options, softmaxCrossEntropySchema);
  return {
    kind: "softmaxCrossEntropy",
    ...(smoothing === 0 ? {} : { parameter: smoothing }),
    perPosition: true,
    targetShape: (examples) => [1, examples],
    checkTargets: checkLabels,
    drawNoise: uniforms,
    countCorrect,
  };
}

function checkLabels(labels: ArrayLike<number>, classes: number, positions = 1): void {
  for (let n = 0; n < labels.length; n++) {
    const label = labels[n];
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    const place = positions === 1 ? "" : `position ${n % positions} of `;
    throw new DataError(
      "batch",
      `label of ${place}example ${Math.floor(n / positions)} must be an integer in [0, ${
        classes - 1
      }]: received ${label}`,
    );
  }
}

/** A prediction is right when its label has the largest logit; of equal ones, the first counts. */
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
