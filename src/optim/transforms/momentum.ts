/**
 * Momentum, on the gradient before it is preconditioned or on the update after it.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import { madeForEach } from "../../core/at_layer.ts";
import type { Matrix, OwnedMatrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { type Schedule, valueAt } from "../../core/schedule.ts";
import {
  flag,
  isSchedule,
  off,
  optional,
  type Rule,
  schedule,
  shorthand,
  variant,
} from "../../core/schema.ts";
import type { Rate } from "./rate.ts";

/**
 * - `on: "gradient"`: `m <- mu m + (1 - mu) G`, and the bias-corrected m takes the gradient's place.
 *   What is preconditioned is then an average over batches, and the KL clip sees it.
 * - `on: "update"`: `V <- mu V + nu U`, `W <- W - lr V`, with U the preconditioned gradient and nu the
 *   clip factor; with `nesterov`, `W <- W - lr (nu U + mu V)`.
 */
export type Momentum =
  | { readonly on: "gradient"; readonly value: Schedule }
  | { readonly on: "update"; readonly value: Schedule; readonly nesterov?: boolean };

const weight = schedule({ min: 0, below: 1 });

/**
 * What the option takes.
 *
 * @param on What a number alone is meant for.
 */
export function momentumRule(on: Momentum["on"]): Rule<Momentum | false> {
  const full = variant<Momentum>("on", {
    gradient: { value: weight },
    update: { value: weight, nesterov: optional(flag, false) },
  });
  return off(
    shorthand(full, weight.takes, (value) => isSchedule(value) ? { on, value } : undefined),
  );
}

/**
 * The velocities of all parameters.
 *
 * @example The first average is the first gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using value = backend.alloc(1, 1);
 * using gradient = backend.alloc(1, 1);
 * backend.write(gradient, [2]);
 * const parameter = { name: "w", layer: { kind: "dense", bias: false }, value, gradient } as const;
 * using state = new MomentumState(backend, [parameter], { on: "gradient", value: 0.9 });
 * state.advance(0);
 * assert.deepEqual([...backend.readSync(state.averaged(0, gradient))], [2]);
 * ```
 */
export class MomentumState implements Disposable {
  /** One per parameter; empty without momentum. */
  readonly buffers: readonly OwnedMatrix[];
  /** Sum of the weights in the gradients' averages: `1 - mu^t` for a constant mu. For checkpoints. */
  weight = 0;
  /** Share of the past in this step's corrected averages. */
  #past = 0;
  /** What this step's gradients enter the averages with. */
  #fresh: Scalar = 1;
  readonly #backend: Backend;
  readonly #momentum: Momentum | false;

  /** Allocates the velocities. The caller disposes them. */
  constructor(backend: Backend, parameters: readonly Parameter[], momentum: Momentum | false) {
    this.#backend = backend;
    this.#momentum = momentum;
    this.buffers = momentum === false || momentum.value === 0
      ? []
      : madeForEach(parameters, (index) => {
        const { rows, cols } = parameters[index].value;
        return backend.alloc(rows, cols);
      });
  }

  /**
   * Counts a step; before the first {@linkcode MomentumState.averaged} of the step. Inside the step's scope.
   *
   * @param factor c, [1, 1], what the step's gradients are multiplied with; 1 where it is left out.
   */
  advance(step: number, factor?: Matrix): void {
    this.#fresh = factor ?? 1;
    if (this.buffers.length === 0 || this.#momentum === false) return;
    const mu = valueAt(this.#momentum.value, step);
    const past = mu * this.weight;
    this.weight = past + (1 - mu);
    this.#past = past / this.weight;
    if (this.#momentum.on !== "gradient") return;
    this.#fresh = 1 - this.#past;
    if (factor === undefined) return;
    const product = this.#backend.scratch(1, 1);
    this.#backend.axpby(product, this.#fresh, factor, 0);
    this.#fresh = product;
  }

  /**
   * What is to be preconditioned in the gradient's place: the gradient, or its corrected average. The
   * buffers hold averages that are corrected already, `m^ = m / (1 - mu^t)`, so that one pass over them
   * does: `m^ <- p m^ + (1 - p) c G` with `p = mu (1 - mu^(t-1)) / (1 - mu^t)`. Inside a scope.
   */
  averaged(index: number, gradient: Matrix): Matrix {
    const backend = this.#backend;
    if (this.#momentum === false || this.#momentum.on !== "gradient" || this.buffers.length === 0) {
      if (this.#fresh === 1) return gradient;
      const out = backend.scratch(gradient.rows, gradient.cols);
      backend.axpby(out, this.#fresh, gradient, 0);
      return out;
    }
    const average = this.buffers[index];
    backend.axpby(average, this.#fresh, gradient, this.#past);
    return average;
  }

  /**
   * Takes the step `W <- W - rate * (what momentum makes of nu U)`. Inside a scope.
   */
  apply(
    index: number,
    weights: Matrix,
    direction: Matrix,
    numbers: { readonly rate: Rate; readonly clip: Matrix; readonly step: number },
  ): void {
    const { rate, clip, step } = numbers;
    const backend = this.#backend;
    if (this.#momentum === false || this.#momentum.on !== "update" || this.buffers.length === 0) {
      return backend.axpby(weights, rate.times(-1, clip), direction, 1);
    }
    const mu = valueAt(this.#momentum.value, step);
    const velocity = this.buffers[index];
    backend.axpby(velocity, clip, direction, mu);
    if (!this.#momentum.nesterov) return backend.axpby(weights, rate.times(-1), velocity, 1);
    backend.axpby(weights, rate.times(-mu), velocity, 1);
    backend.axpby(weights, rate.times(-1, clip), direction, 1);
  }

  /** Gives the velocities back. */
  [Symbol.dispose](): void {
    for (const buffer of this.buffers) buffer[Symbol.dispose]();
  }
}
