/**
 * Examples that do not all count alike.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { checkKnownKeys } from "../core/options.ts";
import { type Dataset, examplesIn } from "./dataset.ts";

/** What decides how much an example counts; both together are multiplied. */
export interface Weighting {
  /** One number per example, finite and >= 0, not all 0. */
  readonly examples?: ArrayLike<number>;
  /**
   * One number per class, finite and >= 0; or `"balanced"`, one over the number of a class's examples, so that
   * every class counts alike.
   */
  readonly classes?: ArrayLike<number> | "balanced";
}

/**
 * The same data, from which batches give weights: a model's losses and gradients are multiplied by them.
 * `w_n = N a_n c_label(n) / sum_m a_m c_label(m)` for weights a of examples and c of classes, so that their mean
 * is 1 and learning rates keep their meaning. Nothing but the weights is copied. Parts of the data keep the weights
 * of the whole; evaluation weighs the loss as well, but neither accuracy nor metrics.
 *
 * @throws {OptionError} When an option is unknown, or classes are weighted where targets are numbers.
 * @throws {DataError} When there are too few or too many weights, one is not possible, or all are 0.
 *
 * @example A rare class counts as much as a frequent one
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, table, weighted } from "@tekfac/tekfac/data";
 *
 * const data = table({ inputs: [1, 2, 3, 4], targets: [0, 0, 0, 1], classes: 2 });
 * const [batch] = batches(weighted(data, { classes: "balanced" }), { size: 4 });
 * assert.deepEqual([...batch.weights!], [2 / 3, 2 / 3, 2 / 3, 2]);
 * ```
 */
export function weighted<D extends Dataset>(dataset: D, weighting: Weighting): D {
  const subject = "Cannot weigh a data set";
  checkKnownKeys(subject, weighting, ["examples", "classes"]);
  const { source, targets } = dataset;
  const count = examplesIn(dataset);
  const weights = new Float64Array(count).fill(1);
  if (weighting.examples !== undefined) {
    checkWeights(source, "examples", weighting.examples, count);
    weights.set(weighting.examples);
  }
  if (weighting.classes !== undefined) {
    if (dataset.classes === undefined) {
      const expectation = "needs targets that are labels";
      throw new OptionError(subject, "classes", expectation, weighting.classes);
    }
    const classes = weighting.classes === "balanced"
      ? balanced(targets, dataset.classes)
      : weighting.classes;
    checkWeights(source, "classes", classes, dataset.classes);
    for (let n = 0; n < count; n++) weights[n] *= classes[targets[n]];
  }
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / count;
  if (!(mean > 0 && mean < Infinity)) {
    throw new DataError(source, `expected weights with a mean > 0, received a mean of ${mean}`);
  }
  return Object.freeze({ ...dataset, weights: weights.map((weight) => weight / mean) });
}

/** One over each class's number of examples; 0 for a class without any. */
function balanced(labels: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let n = 0; n < labels.length; n++) counts[labels[n]]++;
  return counts.map((count) => count === 0 ? 0 : 1 / count);
}

function checkWeights(
  source: string,
  noun: string,
  weights: ArrayLike<number>,
  count: number,
): void {
  if (weights.length !== count) {
    const problem = `expected ${count} weights of ${noun}, received ${weights.length}`;
    throw new DataError(source, problem);
  }
  for (let i = 0; i < count; i++) {
    if (weights[i] >= 0 && weights[i] < Infinity) continue;
    const problem = `expected weights of ${noun} >= 0, received ${weights[i]} at ${i}`;
    throw new DataError(source, problem);
  }
}
