/**
 * Muon in plain loops (Jordan et al. 2024): tall matrices are transposed, the iteration is written on wide ones.
 *
 * @module
 */

import { combine, inner, map, multiply, type Rows, transpose } from "./dense.ts";
import { differentiate, type Regression, zeros } from "./regression.ts";

/** Hyperparameters of Muon. */
export interface MuonHyper {
  readonly steps: number;
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly iterations: number;
  readonly adamRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled, weights alone. */
  readonly weightDecay: number;
}

/** Newton and Schulz's iteration with the published coefficients, scaled by the shape. */
export function muonDirection(x: Rows, iterations: number): Rows {
  if (x.length > x[0].length) {
    const factor = Math.sqrt(x.length / x[0].length);
    return map(transpose(muonDirection(transpose(x), iterations)), (value) => factor * value);
  }
  const norm = Math.sqrt(inner(x, x));
  let y = map(x, (value) => value / norm);
  for (let i = 0; i < iterations; i++) {
    const gram = multiply(y, transpose(y));
    const polynomial = combine(-4.775, gram, 2.0315, multiply(gram, gram));
    y = combine(3.4445, y, 1, multiply(polynomial, y));
  }
  return y;
}

/** AdamW's direction, entry by entry. */
class Adam {
  #m: Rows;
  #v: Rows;
  #count = 0;

  constructor(like: Rows, readonly hyper: MuonHyper) {
    this.#m = zeros(like);
    this.#v = zeros(like);
  }

  direction(g: Rows): Rows {
    const { beta1, beta2, epsilon } = this.hyper;
    this.#count++;
    this.#m = combine(beta1, this.#m, 1 - beta1, g);
    this.#v = combine(beta2, this.#v, 1 - beta2, map(g, (value) => value ** 2));
    const [c1, c2] = [1 - beta1 ** this.#count, 1 - beta2 ** this.#count];
    return map(this.#m, (m, i, j) => m / c1 / (Math.sqrt(this.#v[i][j] / c2) + epsilon));
  }
}

const weightsOf = (w: Rows): Rows => w.map((row) => row.slice(0, -1));
const biasOf = (w: Rows): Rows => w.map((row) => row.slice(-1));
const joined = (w: Rows, b: Rows): Rows => w.map((row, i) => [...row, ...b[i]]);

/** Trains with Muon; the last layer by AdamW. Losses before each step. */
export function trainMuon(
  problem: Regression,
  hyper: MuonHyper,
): { readonly losses: number[]; readonly weights: Rows[] } {
  const { lr, momentum, nesterov, adamRate, weightDecay } = hyper;
  const weights = [...problem.weights];
  const last = weights.length - 1;
  const velocities = weights.map((w) => zeros(weightsOf(w)));
  const adams = weights.map((w, l) => new Adam(l === last ? w : biasOf(w), hyper));
  const losses: number[] = [];
  for (let k = 0; k < hyper.steps; k++) {
    const { loss, gradients } = differentiate(problem, weights, k);
    losses.push(loss);
    gradients.forEach((gradient, l) => {
      const [w, b, g] = [weightsOf(weights[l]), biasOf(weights[l]), weightsOf(gradient)];
      if (l === last) {
        const decayed = joined(map(w, (value) => value * (1 - adamRate * weightDecay)), b);
        weights[l] = combine(1, decayed, -adamRate, adams[l].direction(gradient));
        return;
      }
      velocities[l] = combine(momentum, velocities[l], 1, g);
      const source = nesterov ? combine(1, g, momentum, velocities[l]) : velocities[l];
      const direction = muonDirection(source, hyper.iterations);
      weights[l] = joined(
        combine(1 - lr * weightDecay, w, -lr, direction),
        combine(1, b, -adamRate, adams[l].direction(biasOf(gradient))),
      );
    });
  }
  return { losses, weights };
}
