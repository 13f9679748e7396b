/**
 * Training without a schedule: gradients between the iterate and its average.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { type AveragedModel, AveragedWeights, type WeightAverage } from "./average.ts";

/** Options of {@linkcode scheduleFree}. */
export interface ScheduleFreeOptions {
  /** Where between Z and X gradients are taken, in (0, 1]. @default {0.9} */
  readonly beta?: number;
}

/** What its options take. */
export const scheduleFreeSchema = {
  beta: optional(number({ above: 0, max: 1 }), 0.9),
} satisfies SchemaOf<ScheduleFreeOptions>;

/**
 * An average X of the weights that takes part in training (Defazio et al. 2024, arXiv 2405.15682): gradients are taken
 * at `Y = (1 - beta) Z + beta X`, which the model holds; a step goes from Z; `X <- (1 - c) X + c Z` with
 * `c = rate_t^2 / sum_i rate_i^2`, rates being learning rate times annealing, those of groups aside. It takes the place of momentum and of an
 * annealing that ends at 0; a warmup is still good. Running moments of normalisations are those of Y. Weights must not
 * be written from outside between steps.
 *
 * @returns For the option `average` of any optimizer, `takeBack` being off.
 * @throws {OptionError} On an unknown option or a beta outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, sgd, squaredError } from "@tekfac/tekfac";
 * import { scheduleFree } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * using optimizer = sgd(goal, { learningRate: 0.5, momentum: false, average: scheduleFree() });
 * const batch = { inputs: [-1, 1], targets: [1, 3] };
 * for (let i = 0; i < 200; i++) optimizer.stepSync(batch);
 * const { loss } = await optimizer.withAverage(() => goal.evaluate(batch));
 * assert(loss < 1e-2); // y = x + 2
 * ```
 */
export function scheduleFree(
  options: ScheduleFreeOptions = {},
): WeightAverage & Required<ScheduleFreeOptions> {
  const { beta } = resolve("Cannot average weights", options, scheduleFreeSchema);
  const create = (model: AveragedModel) => new ScheduleFree(model, beta);
  return Object.freeze({ kind: "scheduleFree", takesBack: false, beta, create });
}

/**
 * Defazio et al. 2024, arXiv 2405.15682, eqs. 3 to 5. The model holds `Y = (1 - beta) Z + beta X`, this Z; X follows
 * from the two. With `Z' = Z + d`: `Y' = (1 - c) (Y - (1 - beta) Z) + (1 - beta (1 - c)) Z'`.
 */
class ScheduleFree extends AveragedWeights {
  readonly state: Readonly<Record<string, Matrix>>;
  readonly #beta: number;
  /** Z of each parameter. */
  readonly #iterates: readonly Matrix[];
  /** Whether Z is what it says; before the first step it is Y, whatever has been written there. */
  #begun = false;
  /** Sum of squared rates, and the share of the present one in it. */
  #sum = 0;
  #share = 0;

  /** Allocates a copy of the weights. The caller disposes it. */
  constructor({ backend, parameters }: AveragedModel, beta: number) {
    super(backend, parameters);
    this.#beta = beta;
    this.#iterates = parameters.map(({ value: { rows, cols } }) => this.alloc(backend, rows, cols));
    this.state = Object.fromEntries(
      parameters.map(({ name }, i) => [`${name}.iterate`, this.#iterates[i]]),
    );
  }

  get memory(): readonly number[] {
    return [this.#begun ? 1 : 0, this.#sum];
  }

  set memory([begun, sum]: readonly number[]) {
    this.#begun = begun === 1;
    this.#sum = sum;
  }

  begin(rate: number): void {
    if (!this.#begun) {
      this.#iterates.forEach((iterate, i) => this.backend.axpby(iterate, 1, this.live[i].value, 0));
    }
    this.#begun = true;
    this.#sum += rate ** 2;
    // A warmup may begin with nothing.
    this.#share = this.#sum === 0 ? 0 : rate ** 2 / this.#sum;
  }

  apply(index: number, { value }: Parameter, take: (weights: Matrix) => void): void {
    const backend = this.backend;
    const beta = this.#beta;
    const past = 1 - this.#share;
    const iterate = this.#iterates[index];
    backend.scope(() => {
      // What of Y is X, before either changes: decay reads Y, and the step changes Z.
      const average = backend.scratch(value.rows, value.cols);
      backend.axpby(average, 1, value, 0);
      backend.axpby(average, beta - 1, iterate, 1);
      take(iterate);
      backend.axpby(value, past, average, 0);
      backend.axpby(value, 1 - beta * past, iterate, 1);
    });
  }

  end(): void {}

  /** Steps are never taken back here: the options exclude it. */
  amend(): void {}

  /** `X = (Y - (1 - beta) Z) / beta`. */
  protected write(index: number, live: Matrix): void {
    if (!this.#begun) return;
    const beta = this.#beta;
    this.backend.axpby(live, 1 - 1 / beta, this.#iterates[index], 1 / beta);
  }
}
