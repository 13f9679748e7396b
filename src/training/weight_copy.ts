/**
 * Weights that are kept for later.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Optimizer } from "../optim/optimizer.ts";

/**
 * Runs `body` with the weights that a model is judged by in it: averages where the optimizer keeps some, else those
 * of training. May run it twice, where a device is lost.
 */
export async function withJudgedWeights<T>(
  optimizer: Optimizer<BatchLike>,
  body: () => Promise<T>,
): Promise<T> {
  return await (keepsAverage(optimizer) ? optimizer.withAverage(body) : body());
}

/** Whether {@linkcode withJudgedWeights} means other weights than those of training. */
export function keepsAverage({ rules }: Optimizer<BatchLike>): boolean {
  return rules.average !== undefined;
}

/** A copy of weights and running statistics in host memory, where the loss of a device does not reach it. */
export class WeightCopy {
  readonly #objective: ModelObjective;
  #numbers: readonly ArrayLike<number>[] = [];

  /** Of a model; holds nothing yet. */
  constructor(objective: ModelObjective) {
    this.#objective = objective;
  }

  /** Copies what the model has now. */
  async take(): Promise<void> {
    const { backend } = this.#objective;
    this.#numbers = await backend.reading(() =>
      Promise.all(this.#matrices().map((matrix) => backend.read(matrix)))
    );
  }

  /** Gives it back to the model, exactly. */
  restore(): void {
    const { backend } = this.#objective;
    this.#numbers.forEach((numbers, i) => backend.write(this.#matrices()[i], numbers));
  }

  #matrices(): Matrix[] {
    const { parameters, state } = this.#objective;
    return [...parameters.map(({ value }) => value), ...Object.values(state)];
  }
}
