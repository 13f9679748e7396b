/**
 * What a metric is.
 *
 * @module
 */

/**
 * A number that says how good predictions are, over all examples of a set at once. Metrics have no state; one
 * of your own is such an object.
 */
export interface Metric {
  /** The key in records: `"top3"`. */
  readonly name: string;
  /** Which of two values is the better one. */
  readonly better: "higher" | "lower";
  /**
   * The value; NaN where it is not defined for these examples.
   *
   * @param outputs [N, K] row by row: logits, or numbers in the units of the table.
   * @param targets N labels, or [N, K] numbers in the same units.
   */
  readonly of: (outputs: ArrayLike<number>, targets: ArrayLike<number>) => number;
}

/** K, the number of outputs of each of the examples that have labels. */
export function classesOf(outputs: ArrayLike<number>, labels: ArrayLike<number>): number {
  return outputs.length / labels.length;
}

/** The class with the largest logit; of equal ones, the first. */
export function predictedClass(
  outputs: ArrayLike<number>,
  example: number,
  classes: number,
): number {
  const start = example * classes;
  let best = 0;
  for (let k = 1; k < classes; k++) {
    if (outputs[start + k] > outputs[start + best]) best = k;
  }
  return best;
}
