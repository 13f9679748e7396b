/**
 * SOAP in plain loops (Vyas et al. 2024, arXiv 2409.11321, alg. 3, with the first step that only
 * observes, as in the authors' implementation): exact eigenvectors, and second moments that follow their
 * basis as the diagonal of a dense matrix.
 *
 * @module
 */

import {
  combine,
  eigen,
  identity,
  kron,
  map,
  multiply,
  product,
  type Rows,
  transpose,
  unvec,
  vec,
} from "./dense.ts";
import { differentiate, type Regression, zeros } from "./regression.ts";

/** Hyperparameters of SOAP. */
export interface SoapHyper {
  readonly steps: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly shampooBeta: number;
  readonly epsilon: number;
  readonly frequency: number;
  /** Whether each factor is whitened by the other (Lin et al. 2025). */
  readonly kl?: boolean;
  /** A side larger than this keeps its coordinates. */
  readonly largest: number;
  /** Decoupled, weights and biases. */
  readonly weightDecay: number;
}

/** Orthogonal bases of both sides of a gradient. */
interface Bases {
  readonly output: Rows;
  readonly input: Rows;
}

/** The diagonal, in a new basis, of what is diagonal in the old one. */
function transported(v: Rows, from: Bases, to: Bases): Rows {
  const [old, fresh] = [from, to].map(({ output, input }) => kron(output, input));
  const move = multiply(transpose(fresh), old);
  const scaled = map(move, (value, _, j) => value * vec(v)[j]);
  const whole = multiply(scaled, transpose(move));
  return unvec(whole.map((row, i) => row[i]), v.length, v[0].length);
}

/** The inverse of what a basis sees of a factor, 1e-4 of the mean eigenvalue added to each. */
function dampedInverse(factor: Rows, basis: Rows): Rows {
  const values = product(transpose(basis), factor, basis).map((row, i) => row[i]);
  const damping = 1e-4 * values.reduce((sum, value) => sum + value, 0) / values.length;
  const scaled = map(basis, (value, _, j) => value / (values[j] + damping));
  return multiply(scaled, transpose(basis));
}

/** One layer's state. */
class Layer {
  #left: Rows;
  #right: Rows;
  #bases: Bases;
  #m: Rows;
  #v: Rows;
  #updates = -1;
  /** Smallest distance of neighbouring eigenvalues met so far, as a share of the largest. */
  gap = 1;

  constructor(weights: Rows, readonly hyper: SoapHyper) {
    this.#bases = { output: identity(weights.length), input: identity(weights[0].length) };
    this.#left = zeros(this.#bases.output);
    this.#right = zeros(this.#bases.input);
    this.#m = zeros(weights);
    this.#v = zeros(weights);
  }

  /** The direction for a gradient, before the learning rate. */
  step(g: Rows): Rows {
    const { beta1, beta2, epsilon, frequency } = this.hyper;
    this.#updates++;
    if (this.#updates === 0) {
      this.#observe(g);
      this.#solve();
      return zeros(g);
    }
    // The average of gradients in the usual coordinates, that of squares in the basis, as published.
    const { output, input } = this.#bases;
    const into = (x: Rows): Rows => product(transpose(output), x, input);
    this.#m = combine(beta1, this.#m, 1 - beta1, g);
    this.#v = combine(beta2, this.#v, 1 - beta2, map(into(g), (value) => value ** 2));
    const [c1, c2] = [1 - beta1 ** this.#updates, 1 - beta2 ** this.#updates];
    const m = into(this.#m);
    const step = map(m, (value, i, j) => value / c1 / (Math.sqrt(this.#v[i][j] / c2) + epsilon));
    const direction = product(output, step, transpose(input));
    this.#observe(g);
    if (this.#updates % frequency === 0) this.#solve();
    return direction;
  }

  #observe(g: Rows): void {
    const { shampooBeta: beta, kl, largest } = this.hyper;
    const { output, input } = this.#bases;
    const both = Math.max(output.length, input.length) <= largest;
    // Without eigenvectors so far, there is nothing to whiten with.
    const whiten = kl && both && this.#updates > 0;
    const middle = (factor: Rows, basis: Rows) =>
      whiten ? dampedInverse(factor, basis) : identity(factor.length);
    const [byRight, byLeft] = [middle(this.#right, input), middle(this.#left, output)];
    const [rows, cols] = kl ? [output.length, input.length] : [1, 1];
    const left = product(g, byRight, transpose(g));
    const right = product(transpose(g), byLeft, g);
    this.#left = combine(beta, this.#left, (1 - beta) / cols, left);
    this.#right = combine(beta, this.#right, (1 - beta) / rows, right);
  }

  #solve(): void {
    const side = (factor: Rows): Rows => {
      if (factor.length > this.hyper.largest) return identity(factor.length);
      const { values, vectors } = eigen(factor);
      for (let i = 1; i < values.length; i++) {
        this.gap = Math.min(this.gap, (values[i] - values[i - 1]) / values[values.length - 1]);
      }
      return vectors;
    };
    const fresh: Bases = { output: side(this.#left), input: side(this.#right) };
    this.#v = transported(this.#v, this.#bases, fresh);
    this.#bases = fresh;
  }
}

/** What came of training with SOAP. */
export interface SoapCourse {
  /** Mean loss before each step and after the last. */
  readonly losses: number[];
  readonly weights: Rows[];
  /** How well eigenvectors were determined: the smallest relative gap of eigenvalues. */
  readonly gap: number;
}

/** Trains with SOAP. */
export function trainSoap(problem: Regression, hyper: SoapHyper): SoapCourse {
  const weights = [...problem.weights];
  const layers = weights.map((w) => new Layer(w, hyper));
  const losses: number[] = [];
  for (let k = 0; k < hyper.steps; k++) {
    const { loss, gradients } = differentiate(problem, weights, k);
    losses.push(loss);
    layers.forEach((layer, l) => {
      const decayed = combine(1 - hyper.lr * hyper.weightDecay, weights[l], 0, weights[l]);
      weights[l] = combine(1, decayed, -hyper.lr, layer.step(gradients[l]));
    });
  }
  losses.push(differentiate(problem, weights, hyper.steps).loss);
  return { losses, weights, gap: Math.min(...layers.map(({ gap }) => gap)) };
}
