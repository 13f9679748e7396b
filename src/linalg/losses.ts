/**
 * Losses with known output distributions: values, gradients, and gradients at targets sampled from
 * the model's own prediction.
 *
 * Letters: N examples, K outputs `z_n`, targets `y_n`; every loss is of one example.
 *
 * @module
 */

import { sigmoid } from "./activations.ts";
import { type DenseMatrix, denseMatrix, mapMatrix } from "./dense_matrix.ts";
import { rowDots } from "./reductions.ts";

/** Kinds of loss, in formulas at {@linkcode loss}. */
export type LossName =
  | "softmaxCrossEntropy"
  | "halfSumSquaredError"
  | "meanSquaredError"
  | "sigmoidCrossEntropy"
  | "huber"
  | "gaussian";

/** Values and gradients of a loss. */
export interface LossResult {
  /** `l_n`, [1, N]. */
  readonly losses: DenseMatrix;
  /** `d l_n / d z_n`, [N, K]. */
  readonly gradients: DenseMatrix;
}

/**
 * `exp z_nk / sum_k exp z_nk`, [N, K].
 *
 * @example Two equal outputs
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const z = linalg.denseMatrix(1, 2, [7, 7]);
 * assert.deepEqual([...linalg.softmax(z).data], [0.5, 0.5]);
 * // A label drawn by the model itself: the first one, for 0.2 lies in its half.
 * const noise = linalg.denseMatrix(1, 1, [0.2]);
 * const signs = linalg.denseMatrix(1, z.cols, Array.from({ length: z.cols }, () => 1));
 * assert.equal(linalg.gaussNewtonGradient("halfSumSquaredError", z, signs).data[0], 1);
 * const { data } = linalg.sampledLossGradient("softmaxCrossEntropy", z, noise);
 * assert.deepEqual([...data], [-0.5, 0.5]);
 * ```
 */
export function softmax(z: DenseMatrix): DenseMatrix {
  const out = denseMatrix(z.rows, z.cols);
  for (let n = 0; n < z.rows; n++) {
    const row = z.data.subarray(n * z.cols, (n + 1) * z.cols);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    row.forEach((value, k) => out.data[n * z.cols + k] = Math.exp(value - largest) / sum);
  }
  return out;
}

/**
 * Gradient of z from that of its softmax: `y o (g - y . g)`, row by row.
 *
 * @param y The softmax, [N, K].
 * @param g [N, K].
 * @returns [N, K].
 *
 * @example A gradient that is the same for all outputs changes nothing
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, softmax, softmaxGradient } from "@tekfac/tekfac/linalg";
 *
 * const y = softmax(denseMatrix(1, 2, [0, 0]));
 * assert.deepEqual([...softmaxGradient(y, denseMatrix(1, 2, [3, 3])).data], [0, 0]);
 * assert.deepEqual([...softmaxGradient(y, denseMatrix(1, 2, [1, 0])).data], [0.25, -0.25]);
 * ```
 */
export function softmaxGradient(y: DenseMatrix, g: DenseMatrix): DenseMatrix {
  const along = rowDots(y, g).data;
  const out = mapMatrix(y, (p, slope) => p * slope, g);
  y.data.forEach((p, i) => out.data[i] -= p * along[Math.floor(i / y.cols)]);
  return out;
}

/**
 * Per-example losses and their gradients.
 * - `softmaxCrossEntropy`: `log sum_k exp z_k - z_label`; targets are labels, [1, N].
 * - `halfSumSquaredError`: `1/2 sum_k (z_k - y_k)^2`; targets [N, K].
 * - `meanSquaredError`: `1/K sum_k (z_k - y_k)^2`; targets [N, K].
 * - `sigmoidCrossEntropy`: `sum_k log(1 + exp z_k) - y_k z_k`; targets [N, K] in [0, 1].
 * - `huber`: `sum_k h(z_k - y_k)`, `h(r) = r^2 / 2` up to `|r| = delta`, `delta (|r| - delta / 2)` beyond; targets [N, K].
 * - `gaussian`: `1/2 sum_j s_j + (m_j - y_j)^2 exp(-s_j)`, `z = [m s]` with K / 2 of each; targets [N, K], half of which
 *   is looked at.
 *
 * @param z Outputs, [N, K].
 * @param parameter Of `huber` delta, > 0; of `softmaxCrossEntropy` the smoothing epsilon, with which the target is
 * `(1 - epsilon) [k = label] + epsilon / K`. @default {0}
 *
 * @example Two equal outputs are one bit of surprise
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, loss } from "@tekfac/tekfac/linalg";
 *
 * const label = denseMatrix(1, 1, [0]);
 * const { losses, gradients } = loss("softmaxCrossEntropy", denseMatrix(1, 2, [3, 3]), label);
 * assert.ok(Math.abs(losses.data[0] - Math.LN2) < 1e-15);
 * assert.deepEqual([...gradients.data], [-0.5, 0.5]);
 * ```
 */
export function loss(
  kind: LossName,
  z: DenseMatrix,
  targets: DenseMatrix,
  parameter = 0,
): LossResult {
  if (kind === "softmaxCrossEntropy") return softmaxCrossEntropy(z, targets.data, parameter);
  if (kind === "gaussian") return gaussian(z, targets);
  const { value, slope } = elementwiseLosses(z.cols, parameter)[kind];
  const losses = denseMatrix(1, z.rows);
  z.data.forEach((v, i) => losses.data[Math.floor(i / z.cols)] += value(v, targets.data[i]));
  return { losses, gradients: mapMatrix(z, slope, targets) };
}

/**
 * Gradients of the losses at targets drawn from the model's own distribution, for the Monte-Carlo
 * Fisher. Given what makes the draw random, the result is a function:
 * - `softmaxCrossEntropy`, noise uniform, [1, N]: the label is the first k with
 *   `u < p_1 + .. + p_k`.
 * - `sigmoidCrossEntropy`, noise uniform, [N, K]: the target is 1 where `u < p`.
 * - squared errors, noise standard normal, [N, K]: the target is `z + noise`, for the mean
 *   `z + sqrt(K/2) noise`.
 * - `huber`, slopes at drawn residuals, [N, K]: their negatives.
 * - `gaussian`, noise standard normal, [N, K], the first half of it: the target is `m + exp(s / 2) noise`.
 *
 * @param z Outputs, [N, K].
 * @returns [N, K].
 */
export function sampledLossGradient(
  kind: LossName,
  z: DenseMatrix,
  noise: DenseMatrix,
): DenseMatrix {
  switch (kind) {
    case "softmaxCrossEntropy":
      return softmaxCrossEntropy(z, sampledLabels(softmax(z), noise.data)).gradients;
    case "sigmoidCrossEntropy":
      return mapMatrix(z, (v, u) => sigmoid(v) - (u < sigmoid(v) ? 1 : 0), noise);
    case "halfSumSquaredError":
    case "huber":
      return mapMatrix(noise, (v) => -v);
    case "gaussian":
      return mapPairs(z, noise, (s, draw) => [-draw * Math.exp(-s / 2), (1 - draw * draw) / 2]);
    case "meanSquaredError":
      return mapMatrix(noise, (v) => -Math.sqrt(2 / z.cols) * v);
  }
}

/**
 * `B_n e_n` for signs e, where `B_n B_n^T` is the Hessian of example n's loss in its outputs: a root of the
 * curvature of the output, applied to random signs (Chapelle & Erhan 2011). For `gaussian` it is the mean of the Hessian
 * over the model's own targets, for `huber` 1, the largest that it has.
 *
 * @param z Outputs, [N, K].
 * @param signs 1 or -1, [N, K].
 * @returns [N, K].
 */
export function gaussNewtonGradient(
  kind: LossName,
  z: DenseMatrix,
  signs: DenseMatrix,
): DenseMatrix {
  switch (kind) {
    case "softmaxCrossEntropy": {
      const probabilities = softmax(z);
      const roots = mapMatrix(probabilities, (p, e) => Math.sqrt(p) * e, signs);
      const sums = rowDots(roots, mapMatrix(roots, () => 1)).data;
      const along = mapMatrix(z, () => 0);
      along.data.forEach((_, at) => along.data[at] = sums[Math.floor(at / z.cols)]);
      const projected = mapMatrix(probabilities, (p, sum) => p * sum, along);
      return mapMatrix(roots, (root, part) => root - part, projected);
    }
    case "sigmoidCrossEntropy":
      return mapMatrix(z, (v, e) => Math.sqrt(sigmoid(v) * sigmoid(-v)) * e, signs);
    case "halfSumSquaredError":
    case "huber":
      return mapMatrix(signs, (e) => e);
    case "gaussian":
      return mapPairs(z, signs, (s, e, other) => [e * Math.exp(-s / 2), other * Math.SQRT1_2]);
    case "meanSquaredError":
      return mapMatrix(signs, (e) => Math.sqrt(2 / z.cols) * e);
  }
}

function softmaxCrossEntropy(
  z: DenseMatrix,
  labels: ArrayLike<number>,
  smoothing = 0,
): LossResult {
  const gradients = softmax(z);
  const losses = denseMatrix(1, z.rows);
  for (let n = 0; n < z.rows; n++) {
    const row = z.data.subarray(n * z.cols, (n + 1) * z.cols);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    const mean = row.reduce((total, value) => total + value, 0) / z.cols;
    const expected = (1 - smoothing) * row[labels[n]] + smoothing * mean;
    losses.data[n] = Math.log(sum) + largest - expected;
    row.forEach((_, k) => gradients.data[n * z.cols + k] -= smoothing / z.cols);
    gradients.data[n * z.cols + labels[n]] -= 1 - smoothing;
  }
  return { losses, gradients };
}

function gaussian(z: DenseMatrix, targets: DenseMatrix): LossResult {
  const losses = denseMatrix(1, z.rows);
  const half = z.cols / 2;
  const errors = mapMatrix(z, (value, target) => value - target, targets);
  const gradients = mapPairs(z, errors, (s, error) => {
    const slope = error * Math.exp(-s);
    return [slope, (1 - error * slope) / 2];
  });
  z.data.forEach((s, i) => {
    if (i % z.cols < half) return;
    const [error, slope] = [errors.data[i - half], gradients.data[i - half]];
    losses.data[Math.floor(i / z.cols)] += (s + error * slope) / 2;
  });
  return { losses, gradients };
}

/** What a function makes of each log variance and of two numbers, in the places of the mean and of the variance. */
function mapPairs(
  z: DenseMatrix,
  x: DenseMatrix,
  of: (s: number, mean: number, variance: number) => readonly [mean: number, variance: number],
): DenseMatrix {
  const out = denseMatrix(z.rows, z.cols);
  const half = z.cols / 2;
  z.data.forEach((s, i) => {
    if (i % z.cols >= half) {
      [out.data[i - half], out.data[i]] = of(s, x.data[i - half], x.data[i]);
    }
  });
  return out;
}

/** The losses that are sums over outputs: the summand and its derivative. */
function elementwiseLosses(outputs: number, delta: number) {
  const clamped = (r: number): number => Math.max(-delta, Math.min(delta, r));
  return {
    huber: {
      value: (z: number, y: number): number => clamped(z - y) * (z - y - clamped(z - y) / 2),
      slope: (z: number, y: number): number => clamped(z - y),
    },
    halfSumSquaredError: {
      value: (z: number, y: number): number => (z - y) ** 2 / 2,
      slope: (z: number, y: number): number => z - y,
    },
    meanSquaredError: {
      value: (z: number, y: number): number => (z - y) ** 2 / outputs,
      slope: (z: number, y: number): number => 2 * (z - y) / outputs,
    },
    sigmoidCrossEntropy: {
      value: (z: number, y: number): number =>
        Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - y * z,
      slope: (z: number, y: number): number => sigmoid(z) - y,
    },
  };
}

/** The label at which the cumulative probability first exceeds the uniform number of each row. */
function sampledLabels(probabilities: DenseMatrix, uniforms: ArrayLike<number>): number[] {
  const outputs = probabilities.cols;
  return Array.from({ length: probabilities.rows }, (_, n) => {
    let k = 0;
    let cumulative = probabilities.data[n * outputs];
    while (k < outputs - 1 && uniforms[n] >= cumulative) {
      cumulative += probabilities.data[n * outputs + ++k];
    }
    return k;
  });
}
