/**
 * A regression by a tanh network, differentiated by hand: what the oracles of optimizers train.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { fill, map, multiply, type Rows, transpose } from "./dense.ts";
import { denseExamples, meanGradient } from "./layer.ts";
import { halfSumSquaredError } from "./losses.ts";

/** A regression. Every layer but the last is followed by tanh; every layer has a bias. */
export interface Regression {
  /** One per step, and one to measure the last loss with. */
  readonly batches: readonly { readonly x: Rows; readonly y: Rows }[];
  /** Homogeneous weights of each layer. */
  readonly weights: readonly Rows[];
}

/**
 * Gradients are [4, 5]: of full rank in one factor and one short of it in the other, so that already
 * the first gradient decides every eigenvector up to its sign. Every step has a batch of its own: in
 * the basis that a gradient itself decided, most of its coordinates are rounding.
 */
export function randomRegression(seed: number, steps: number): Regression {
  const random = new Random(seed);
  const normals = () => fill(24, 4, () => random.normal());
  return {
    batches: Array.from({ length: steps + 1 }, () => ({ x: normals(), y: normals() })),
    weights: [fill(4, 5, () => random.normal(0, 0.5)), fill(4, 5, () => random.normal(0, 0.5))],
  };
}

/** Mean loss of batch k and its gradient for every layer. */
export function differentiate(
  { batches }: Regression,
  weights: readonly Rows[],
  k: number,
): { readonly loss: number; readonly gradients: Rows[] } {
  const { x, y } = batches[k];
  const activations = [x];
  weights.forEach((w, l) => {
    const s = multiply(activations[l].map((row) => [...row, 1]), transpose(w));
    activations.push(l === weights.length - 1 ? s : map(s, Math.tanh));
  });
  const { losses, gradients } = halfSumSquaredError(activations[weights.length], y);
  const layers: Rows[] = [];
  let g = gradients;
  for (let l = weights.length - 1; l >= 0; l--) {
    layers.unshift(meanGradient(denseExamples(activations[l], g, true)));
    const below = multiply(g, weights[l].map((row) => row.slice(0, -1)));
    g = map(below, (v, i, j) => v * (1 - activations[l][i][j] ** 2));
  }
  return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, gradients: layers };
}

/** A matrix of zeros of the same shape. */
export const zeros = (like: Rows): Rows => map(like, () => 0);
