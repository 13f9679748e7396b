/**
 * Training of a small tanh network with softmax cross-entropy on the full batch, by the definitions:
 * forward and backward by hand, dense Fisher approximations, dense solves. The order within a step is
 * that of `docs/MATH.md`, sections 3 and 4: statistics, basis, Theta, update, clip, momentum.
 *
 * @module
 */

import { combine, inner, map, multiply, type Rows, transpose } from "./dense.ts";
import {
  type Bases,
  basesOf,
  type Damping,
  type Factors,
  factorsOf,
  lambdaOf,
  meanEigenvalue,
  type Method,
  thetaOf,
  transport,
  updateOf,
} from "./fisher.ts";
import { denseExamples, type Example, meanGradient } from "./layer.ts";
import { softmaxCrossEntropy } from "./losses.ts";

/** How to train. */
export interface Hyper {
  readonly steps: number;
  readonly lr: number;
  /** Weight of the past in the momentum. */
  readonly momentum: number;
  /** What the momentum averages: the gradient (bias-corrected) or the update. @default {"update"} */
  readonly momentumOn?: "gradient" | "update";
  readonly betaFactors: number;
  readonly betaTheta: number;
  readonly tFim: number;
  readonly tEig: number;
  readonly tRe: number;
  readonly damping: Damping;
  /** The KL clip's budget. @default {no clip} */
  readonly klClip?: number;
  /** Whether the budget is multiplied by the batch's mean loss. @default {false} */
  readonly klTimesLoss?: boolean;
}

/** What to train. Every layer but the last is followed by tanh; every layer has a bias. */
export interface Problem {
  /** [N, features]. */
  readonly x: Rows;
  readonly labels: readonly number[];
  /** Homogeneous weights of each layer, [dOut, dIn + 1]. */
  readonly weights: readonly Rows[];
}

/** What came of it. */
export interface Course {
  /** Mean loss before each step and after the last: steps + 1 entries. */
  readonly losses: number[];
  readonly weights: Rows[];
  /** The clip factor of each step; empty without a clip. */
  readonly clipFactors: number[];
}

/** Loss, and the examples every layer contributes, at the current weights. */
function differentiate(problem: Problem, weights: readonly Rows[]) {
  const activations = [problem.x];
  weights.forEach((w, l) => {
    const s = multiply(activations[l].map((row) => [...row, 1]), transpose(w));
    activations.push(l === weights.length - 1 ? s : map(s, Math.tanh));
  });
  const { losses, gradients } = softmaxCrossEntropy(activations[weights.length], problem.labels);
  const examples: Example[][] = [];
  let g = gradients;
  for (let l = weights.length - 1; l >= 0; l--) {
    examples.unshift(denseExamples(activations[l], g, true));
    const withoutBias = weights[l].map((row) => row.slice(0, -1));
    const y = activations[l];
    g = map(multiply(g, withoutBias), (v, i, j) => v * (1 - y[i][j] ** 2));
  }
  return { loss: losses.reduce((s, v) => s + v, 0) / losses.length, examples };
}

/** Everything a layer remembers between steps. */
class LayerState {
  #factors: Factors | undefined;
  #bases: Bases | undefined;
  #theta: Rows | undefined;
  #gradientAverage: Rows | undefined;

  constructor(readonly method: Method, readonly hyper: Hyper) {}

  /** Refreshes what is due and returns the direction and what the clip measures it against. */
  step(k: number, examples: readonly Example[]): { update: Rows; against: Rows } {
    const { method, hyper } = this;
    if (k % hyper.tFim === 0) {
      const fresh = factorsOf(method, examples);
      const [old, beta] = [this.#factors, hyper.betaFactors];
      this.#factors = old === undefined ? fresh : {
        input: combine(beta, old.input, 1 - beta, fresh.input),
        output: combine(beta, old.output, 1 - beta, fresh.output),
        delta: beta * old.delta + (1 - beta) * fresh.delta,
      };
    }
    if (k % hyper.tEig === 0) {
      const bases = basesOf(this.#factors!);
      if (this.#theta) this.#theta = transport(this.#theta, this.#bases!, bases);
      this.#bases = bases;
    }
    if (k % hyper.tRe === 0) {
      const fresh = thetaOf(method, this.#bases!, examples);
      this.#theta = this.#theta === undefined
        ? fresh
        : combine(hyper.betaTheta, this.#theta, 1 - hyper.betaTheta, fresh);
    }
    const against = this.#direction(k, meanGradient(examples));
    const [factors, bases, theta] = [this.#factors!, this.#bases!, this.#theta!];
    const lambda = lambdaOf(hyper.damping, meanEigenvalue(method, factors, theta));
    return { update: updateOf(method, against, factors, bases, theta, lambda), against };
  }

  /** The gradient, or its bias-corrected average. */
  #direction(k: number, gradient: Rows): Rows {
    if (this.hyper.momentumOn !== "gradient") return gradient;
    const mu = this.hyper.momentum;
    const past = this.#gradientAverage ?? map(gradient, () => 0);
    this.#gradientAverage = combine(mu, past, 1 - mu, gradient);
    return map(this.#gradientAverage, (v) => v / (1 - mu ** (k + 1)));
  }
}

/** Trains with one of the Kronecker-factored methods. */
export function train(method: Method, problem: Problem, hyper: Hyper): Course {
  const states = problem.weights.map(() => new LayerState(method, hyper));
  const course: Course = { losses: [], weights: [...problem.weights], clipFactors: [] };
  const velocity = problem.weights.map((w) => map(w, () => 0));
  for (let k = 0; k < hyper.steps; k++) {
    const { loss, examples } = differentiate(problem, course.weights);
    course.losses.push(loss);
    const directions = states.map((state, l) => state.step(k, examples[l]));
    let nu = 1;
    if (hyper.klClip !== undefined) {
      const product = directions.reduce((s, d) => s + inner(d.update, d.against), 0);
      const budget = hyper.klClip * (hyper.klTimesLoss ? loss : 1);
      nu = product > 0 && hyper.lr > 0
        ? Math.min(1, Math.sqrt(budget / (hyper.lr ** 2 * product)))
        : 1;
      course.clipFactors.push(nu);
    }
    directions.forEach(({ update }, l) => {
      const past = hyper.momentumOn === "gradient" ? 0 : hyper.momentum;
      velocity[l] = combine(past, velocity[l], nu, update);
      course.weights[l] = combine(1, course.weights[l], -hyper.lr, velocity[l]);
    });
  }
  course.losses.push(differentiate(problem, course.weights).loss);
  return course;
}
