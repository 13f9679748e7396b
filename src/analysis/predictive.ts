/**
 * From uncertain outputs to predictions.
 *
 * @module
 */

import { Random } from "../core/random.ts";

/** How probabilities are made of outputs with variances. */
export type PredictiveKind =
  /** In closed form: `softmax(f / sqrt(1 + pi v / 8))`, v one number per example, or the sigmoid of the same (MacKay 1992). */
  | { readonly kind: "probit" }
  /** Mean of the probabilities of outputs drawn from normal distributions, which classes share. */
  | { readonly kind: "monteCarlo"; readonly samples?: number; readonly seed?: number };

/** The second kind, complete. */
export interface Drawing {
  readonly samples: number;
  readonly random: Random;
}

/** Draws per example that are usual. */
export function drawingOf({ samples = 100, seed = 0 }: {
  readonly samples?: number;
  readonly seed?: number;
}): Drawing {
  return { samples, random: new Random(seed) };
}

/**
 * Probabilities [N, K] of labels that do not exclude each other: `sigmoid(f / sqrt(1 + pi v / 8))`, or means over draws.
 *
 * @param variances Of the outputs, [N, K].
 */
export function sigmoids(
  outputs: Float64Array,
  variances: Float64Array,
  drawing?: Drawing,
): Float64Array {
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  return outputs.map((mean, i) => {
    const variance = variances[i];
    if (drawing === undefined) return sigmoid(mean / Math.sqrt(1 + Math.PI * variance / 8));
    let sum = 0;
    for (let s = 0; s < drawing.samples; s++) {
      sum += sigmoid(mean + Math.sqrt(variance) * drawing.random.normal());
    }
    return sum / drawing.samples;
  });
}

/**
 * Probabilities [N, K] of classes that exclude each other, `softmax(f / sqrt(1 + pi v / 8))` with
 *
 * ```text
 * v = K / (K - 1)^2 sum_k Var(f_k - mean of f) = K / (K - 1)^2 [sum_k Var(f_k) - Var(sum_k f_k) / K]
 * ```
 *
 * What all outputs vary by together, a softmax does not see, and no example has ever said anything of it: it does not
 * count. With two classes v is the variance of their difference, and the formula MacKay's (1992); with a hundred it is
 * too unsure, and draws are better.
 *
 * @param variances Of the outputs, [N, K].
 * @param sums Of the sum of each example's outputs, [N].
 */
export function softmaxes(
  outputs: Float64Array,
  variances: Float64Array,
  sums: Float64Array,
): Float64Array {
  const k = outputs.length / sums.length;
  const out = outputs.slice();
  sums.forEach((sum, n) => {
    const row = out.subarray(n * k, (n + 1) * k);
    const total = variances.subarray(n * k, (n + 1) * k).reduce((sum, v) => sum + v, 0);
    const variance = k > 1 ? k / (k - 1) ** 2 * Math.max(0, total - sum / k) : 0;
    const scale = 1 / Math.sqrt(1 + Math.PI * variance / 8);
    row.forEach((value, c) => row[c] = scale * value);
    normalize(row);
  });
  return out;
}

/**
 * Means of the softmax over draws of `f + L z`, `L L^T = C`.
 *
 * @param covariances C of each example, the rows of its lower triangle, [N, K (K + 1) / 2].
 */
export function drawnSoftmaxes(
  outputs: Float64Array,
  covariances: Float64Array,
  classes: number,
  { samples, random }: Drawing,
): Float64Array {
  const out = new Float64Array(outputs.length);
  const [noise, drawn] = [new Float64Array(classes), new Float64Array(classes)];
  const size = classes * (classes + 1) / 2;
  for (let n = 0; n < outputs.length / classes; n++) {
    const own = <T extends Float64Array>(all: T, length: number): Float64Array =>
      all.subarray(n * length, (n + 1) * length);
    const [means, root] = [own(outputs, classes), rootOf(own(covariances, size), classes)];
    const mean = own(out, classes);
    for (let s = 0; s < samples; s++) {
      noise.forEach((_, k) => noise[k] = random.normal());
      for (let k = 0, at = 0; k < classes; k++) {
        drawn[k] = means[k];
        for (let j = 0; j <= k; j++) drawn[k] += root[at++] * noise[j];
      }
      normalize(drawn);
      drawn.forEach((p, k) => mean[k] += p / samples);
    }
  }
  return out;
}

/** Cholesky's root of a positive semidefinite triangle; what rounding alone tells from zero is zero. */
function rootOf(triangle: Float64Array, size: number): Float64Array {
  const at = (k: number, j: number): number => k * (k + 1) / 2 + j;
  const root = triangle.slice();
  for (let j = 0; j < size; j++) {
    for (let k = j; k < size; k++) {
      let sum = root[at(k, j)];
      for (let i = 0; i < j; i++) sum -= root[at(k, i)] * root[at(j, i)];
      if (k === j) root[at(j, j)] = sum > 1e-6 * triangle[at(j, j)] ? Math.sqrt(sum) : 0;
      else root[at(k, j)] = root[at(j, j)] > 0 ? sum / root[at(j, j)] : 0;
    }
  }
  return root;
}

/** Softmax, in place. */
function normalize(values: Float64Array): void {
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k] = Math.exp(values[k] - largest);
  for (let k = 0; k < values.length; k++) values[k] /= sum;
}
