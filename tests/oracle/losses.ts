/**
 * The four losses by their definitions: value and gradient of each example's own loss.
 *
 * @module
 */

import type { Rows } from "./dense.ts";

/** Values per example and gradients with respect to the outputs. */
export interface LossValues {
  readonly losses: number[];
  readonly gradients: Rows;
}

/** `-log softmax(z)_label`. */
export function softmaxCrossEntropy(z: Rows, labels: readonly number[]): LossValues {
  const shares = z.map((row) => {
    const top = Math.max(...row);
    const weights = row.map((v) => Math.exp(v - top));
    const total = weights.reduce((s, v) => s + v, 0);
    return weights.map((v) => v / total);
  });
  return {
    losses: shares.map((share, n) => -Math.log(share[labels[n]])),
    gradients: shares.map((share, n) => share.map((p, k) => p - (k === labels[n] ? 1 : 0))),
  };
}

/** `1/2 sum_k (z_k - y_k)^2`. */
export function halfSumSquaredError(z: Rows, y: Rows): LossValues {
  const gradients = z.map((row, n) => row.map((v, k) => v - y[n][k]));
  return { losses: gradients.map((row) => row.reduce((s, v) => s + v * v / 2, 0)), gradients };
}

/** `1/K sum_k (z_k - y_k)^2`. */
export function meanSquaredError(z: Rows, y: Rows): LossValues {
  const { losses, gradients } = halfSumSquaredError(z, y);
  const outputs = z[0].length;
  return {
    losses: losses.map((v) => v * 2 / outputs),
    gradients: gradients.map((row) => row.map((v) => v * 2 / outputs)),
  };
}

/** `sum_k log(1 + exp z_k) - y_k z_k`. */
export function sigmoidCrossEntropy(z: Rows, y: Rows): LossValues {
  const softplus = (v: number) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  return {
    losses: z.map((row, n) => row.reduce((s, v, k) => s + softplus(v) - y[n][k] * v, 0)),
    gradients: z.map((row, n) => row.map((v, k) => 1 / (1 + Math.exp(-v)) - y[n][k])),
  };
}
