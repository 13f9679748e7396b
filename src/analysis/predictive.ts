/**
 * From uncertain outputs to predictions.
 *
 * @module
 */

import { Random } from "../core/random.ts";

/** How probabilities are made of outputs with variances. */
export type PredictiveKind =
  /** `softmax(f / sqrt(1 + pi v / 8))`, or the sigmoid of the same (MacKay 1992; Daxberger et al. 2021). */
  | { readonly kind: "probit" }
  /** Mean of the probabilities of outputs drawn from normal distributions, each output for itself. */
  | { readonly kind: "monteCarlo"; readonly samples?: number; readonly seed?: number };

/** Draws per example that are usual. */
const SAMPLES = 100;

/**
 * Probabilities [N, K] of outputs [N, K] with variances.
 *
 * @param exclusive Whether classes exclude each other: softmax, else a sigmoid for each.
 */
export function probabilitiesOf(
  outputs: Float64Array,
  variances: Float64Array,
  classes: number,
  exclusive: boolean,
  how: PredictiveKind,
): Float64Array {
  const out = new Float64Array(outputs.length);
  const random = new Random(how.kind === "monteCarlo" ? how.seed ?? 0 : 0);
  const samples = how.kind === "monteCarlo" ? how.samples ?? SAMPLES : 1;
  const drawn = new Float64Array(classes);
  for (let from = 0; from < outputs.length; from += classes) {
    for (let s = 0; s < samples; s++) {
      for (let k = 0; k < classes; k++) {
        const [mean, variance] = [outputs[from + k], variances[from + k]];
        drawn[k] = how.kind === "probit"
          ? mean / Math.sqrt(1 + Math.PI * variance / 8)
          : mean + Math.sqrt(variance) * random.normal();
      }
      squash(drawn, exclusive);
      for (let k = 0; k < classes; k++) out[from + k] += drawn[k] / samples;
    }
  }
  return out;
}

function squash(values: Float64Array, exclusive: boolean): void {
  if (!exclusive) {
    values.forEach((value, k) => values[k] = 1 / (1 + Math.exp(-value)));
    return;
  }
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k] = Math.exp(values[k] - largest);
  for (let k = 0; k < values.length; k++) values[k] /= sum;
}
