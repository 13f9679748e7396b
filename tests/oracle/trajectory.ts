/**
 * Training of a small tanh network with softmax cross-entropy on the full batch, by the definitions:
 * forward and backward by hand, dense Fisher approximations, dense solves. The order within a step is
 * that of `docs/MATH.md`, sections 3 and 4: statistics, basis, Theta, update, clip, momentum.
 *
 * @module
 */

import { combine, inner, map, multiply, type Rows, transpose, vec } from "./dense.ts";
import {
  type Bases,
  basesOf,
  damped,
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
  /** Levenberg-Marquardt adaptation of the damping. @default {none} */
  readonly adaptation?: {
    readonly interval: number;
    readonly decay: number;
    readonly min: number;
    readonly max: number;
  };
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
  /** Reduction ratio and factor of the damping after each adaptation. */
  readonly adaptations: { readonly rho: number; readonly factor: number }[];
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

/** What a layer contributes to a step. */
interface Direction {
  readonly update: Rows;
  /** What the clip measures the update against. */
  readonly against: Rows;
  /** The quadratic model's change of the loss along a change of the weights. */
  model(d: Rows): number;
}

/** Everything a layer remembers between steps. */
class LayerState {
  #factors: Factors | undefined;
  #bases: Bases | undefined;
  #theta: Rows | undefined;
  #gradientAverage: Rows | undefined;

  constructor(readonly method: Method, readonly hyper: Hyper) {}

  /** Refreshes what is due and returns the direction and what the clip measures it against. */
  step(k: number, examples: readonly Example[], factor: number): Direction {
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
    const gradient = meanGradient(examples);
    const against = this.#direction(k, gradient);
    const [factors, bases, theta] = [this.#factors!, this.#bases!, this.#theta!];
    const lambda = factor * lambdaOf(hyper.damping, meanEigenvalue(method, factors, theta));
    const update = updateOf(method, against, factors, bases, theta, lambda);
    const curvature = damped(method, factors, bases, theta, lambda);
    /** `<G, d> + d^T (F + lambda) d / 2`, by the dense matrix. */
    const model = (d: Rows): number => {
      const column = vec(d).map((v) => [v]);
      return inner(gradient, d) +
        multiply(transpose(column), multiply(curvature, column))[0][0] / 2;
    };
    return { update, against, model };
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
  const course: Course = {
    losses: [],
    weights: [...problem.weights],
    clipFactors: [],
    adaptations: [],
  };
  let factor = 1;
  const velocity = problem.weights.map((w) => map(w, () => 0));
  for (let k = 0; k < hyper.steps; k++) {
    const { loss, examples } = differentiate(problem, course.weights);
    course.losses.push(loss);
    const directions = states.map((state, l) => state.step(k, examples[l], factor));
    let nu = 1;
    if (hyper.klClip !== undefined) {
      const product = directions.reduce((s, d) => s + inner(d.update, d.against), 0);
      const budget = hyper.klClip * (hyper.klTimesLoss ? loss : 1);
      nu = product > 0 && hyper.lr > 0
        ? Math.min(1, Math.sqrt(budget / (hyper.lr ** 2 * product)))
        : 1;
      course.clipFactors.push(nu);
    }
    if (hyper.adaptation !== undefined && k > 0 && k % hyper.adaptation.interval === 0) {
      const { interval, decay, min, max } = hyper.adaptation;
      const trial = directions.map(({ update }) => map(update, (v) => -hyper.lr * nu * v));
      const predicted = directions.reduce((s, { model }, l) => s + model(trial[l]), 0);
      const moved = course.weights.map((w, l) => combine(1, w, 1, trial[l]));
      const rho = (differentiate(problem, moved).loss - loss) / predicted;
      if (predicted < 0 && rho > 3 / 4) factor *= decay ** interval;
      if (predicted < 0 && rho < 1 / 4) factor /= decay ** interval;
      factor = Math.min(Math.max(factor, min), max);
      course.adaptations.push({ rho, factor });
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
