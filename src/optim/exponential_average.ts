/**
 * The exponential average of weights.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { number, resolve, type SchemaOf } from "../core/schema.ts";
import { type AveragedModel, AveragedWeights, type WeightAverage } from "./average.ts";

/** Options of {@linkcode exponentialAverage}. */
export interface ExponentialAverageOptions {
  /** Weight of the past, in [0, 1): the average is over the last `1 / (1 - decay)` steps or so. */
  readonly decay: number;
}

/** What its options take. */
export const exponentialAverageSchema = {
  decay: number({ min: 0, below: 1 }),
} satisfies SchemaOf<ExponentialAverageOptions>;

/**
 * `A <- decay A + (1 - decay) W` after each step, over the sum of its weights, so that the first average is the first
 * W (Polyak & Juditsky 1992, with the bias correction of Kingma & Ba 2015). Training is the same with and without.
 * What a model remembers besides, running moments of normalisations, is averaged alike. Costs a copy of the weights
 * and a pass over them per step.
 *
 * @returns For the option `average` of any optimizer.
 * @throws {OptionError} On an unknown option or a decay outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, exponentialAverage, objective, sequential, sgd, squaredError }
 *   from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * using optimizer = sgd(goal, { average: exponentialAverage({ decay: 0.9 }) });
 * const batch = { inputs: [-1, 1], targets: [1, 3] };
 * for (let i = 0; i < 200; i++) optimizer.stepSync(batch);
 * const { loss } = await optimizer.withAverage(() => goal.evaluate(batch));
 * assert(loss < 1e-2); // y = x + 2
 * ```
 */
export function exponentialAverage(
  options: ExponentialAverageOptions,
): WeightAverage & ExponentialAverageOptions {
  const { decay } = resolve("Cannot average weights", options, exponentialAverageSchema);
  const create = (model: AveragedModel) => new ExponentialAverage(model, decay);
  return Object.freeze({ kind: "exponential", takesBack: true, decay, create });
}

/**
 * `A_t = A_(t-1) + s_t (W_t - A_(t-1))`, `s_t = (1 - decay) / (1 - decay^t)`: the average over the sum of its
 * weights, kept as such.
 */
class ExponentialAverage extends AveragedWeights {
  readonly state: Readonly<Record<string, Matrix>>;
  readonly #decay: number;
  /** In the order of the live matrices: parameters first. */
  readonly #averages: readonly Matrix[];
  #count = 0;

  /** Allocates a copy of the weights, and of what else the model remembers. The caller disposes it. */
  constructor({ backend, parameters, state = {} }: AveragedModel, decay: number) {
    const remembered = Object.entries(state).map(([name, value]) => ({ name, value }));
    const live = [...parameters, ...remembered];
    super(backend, live);
    this.#decay = decay;
    this.#averages = live.map(({ value: { rows, cols } }) => this.alloc(backend, rows, cols));
    this.state = Object.fromEntries(
      live.map(({ name }, i) => [`${name}.average`, this.#averages[i]]),
    );
  }

  get memory(): readonly number[] {
    return [this.#count];
  }

  set memory([count]: readonly number[]) {
    this.#count = count;
  }

  begin(): void {
    this.#count++;
  }

  apply(_index: number, { value }: Parameter, take: (weights: Matrix) => void): void {
    take(value);
  }

  end(): void {
    const share = this.#share;
    this.#averages.forEach((average, i) => {
      this.backend.axpby(average, share, this.live[i].value, 1 - share);
    });
  }

  amend(wrong: readonly Matrix[]): void {
    const share = this.#share;
    wrong.forEach((matrix, i) => {
      this.backend.axpby(this.#averages[i], -share, matrix, 1);
      this.backend.axpby(this.#averages[i], share, this.live[i].value, 1);
    });
  }

  protected write(index: number, live: Matrix): void {
    if (this.#count > 0) this.backend.axpby(live, 1, this.#averages[index], 0);
  }

  get #share(): number {
    return (1 - this.#decay) / (1 - this.#decay ** this.#count);
  }
}
