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

/** What a step takes from the weights besides. */
export interface StepDecay {
  /** Share of the weights that decay. */
  readonly share: Scalar;
  /** Leading columns that do. */
  readonly columns: number;
}

/** Where nothing decays. */
export const NO_DECAY: StepDecay = { share: 0, columns: 0 };

/** How far a step goes. */
export interface StepLength {
  /** Learning rate times annealing. */
  readonly rate: Rate;
  /** nu, [1, 1]. */
  readonly clip: Matrix;
  /** Number of the step. */
  readonly step: number;
  /** @default {nothing decays} */
  readonly decay?: StepDecay;
}

/** What one parameter remembers. */
class Velocity implements Disposable {
  readonly momentum: Momentum | false;
  /** `undefined` without momentum. */
  readonly buffer: OwnedMatrix | undefined;
  /** Sum of the weights in the gradients' average. */
  weight = 0;
  /** Share of the past in this step's corrected average. */
  past = 0;

  constructor(backend: Backend, { value: { rows, cols } }: Parameter, momentum: Momentum | false) {
    this.momentum = momentum;
    if (momentum !== false && momentum.value !== 0) this.buffer = backend.alloc(rows, cols);
  }

  advance(step: number): void {
    if (this.momentum === false || this.buffer === undefined) return;
    const mu = valueAt(this.momentum.value, step);
    const past = mu * this.weight;
    this.weight = past + (1 - mu);
    this.past = past / this.weight;
  }

  [Symbol.dispose](): void {
    this.buffer?.[Symbol.dispose]();
  }
}

/**
 * The velocities of all parameters, each with a momentum of its own.
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
 * using state = new MomentumState(backend, [parameter], [{ on: "gradient", value: 0.9 }]);
 * state.advance(0);
 * assert.deepEqual([...backend.readSync(state.averaged(0, gradient))], [2]);
 * ```
 */
export class MomentumState implements Disposable {
  readonly #backend: Backend;
  readonly #velocities: readonly Velocity[];
  /** What this step's gradients are multiplied with. */
  #factor: Matrix | undefined;
  /** What they enter averages with, by the share of the past there. */
  readonly #fresh = new Map<number, Scalar>();

  /**
   * Allocates the velocities. The caller disposes them.
   *
   * @param momenta By parameter.
   */
  constructor(
    backend: Backend,
    parameters: readonly Parameter[],
    momenta: readonly (Momentum | false)[],
  ) {
    this.#backend = backend;
    this.#velocities = madeForEach(
      parameters,
      (index) => new Velocity(backend, parameters[index], momenta[index]),
    );
  }

  /** By parameter; `undefined` without momentum. */
  get buffers(): readonly (OwnedMatrix | undefined)[] {
    return this.#velocities.map(({ buffer }) => buffer);
  }

  /** By parameter: sum of the weights in its average, `1 - mu^t` for a constant mu. For checkpoints. */
  get weights(): readonly number[] {
    return this.#velocities.map(({ weight }) => weight);
  }

  set weights(weights: readonly number[]) {
    this.#velocities.forEach((velocity, index) => velocity.weight = weights[index]);
  }

  /**
   * Counts a step; before the first {@linkcode MomentumState.averaged} of the step. Inside the step's scope.
   *
   * @param factor c, [1, 1], what the step's gradients are multiplied with; 1 where it is left out.
   */
  advance(step: number, factor?: Matrix): void {
    this.#factor = factor;
    this.#fresh.clear();
    for (const velocity of this.#velocities) velocity.advance(step);
  }

  /** The average that a parameter's gradient enters, as it is; `undefined` where it enters none. */
  averageOf(index: number): Matrix | undefined {
    const { momentum, buffer } = this.#velocities[index];
    return momentum !== false && momentum.on === "gradient" ? buffer : undefined;
  }

  /**
   * What is to be preconditioned in the gradient's place: the gradient, or its corrected average. The
   * buffers hold averages that are corrected already, `m^ = m / (1 - mu^t)`, so that one pass over them
   * does: `m^ <- p m^ + (1 - p) c G` with `p = mu (1 - mu^(t-1)) / (1 - mu^t)`. Inside the step's scope.
   */
  averaged(index: number, gradient: Matrix): Matrix {
    const backend = this.#backend;
    const { momentum, buffer: average, past } = this.#velocities[index];
    if (momentum !== false && momentum.on === "gradient" && average !== undefined) {
      backend.axpby(average, this.#freshBeside(past), gradient, past);
      return average;
    }
    if (this.#factor === undefined) return gradient;
    const out = backend.scratch(gradient.rows, gradient.cols);
    backend.axpby(out, this.#factor, gradient, 0);
    return out;
  }

  /**
   * Takes the step `W <- W - decay W - rate * (what momentum makes of nu U)`. Inside a scope.
   */
  apply(
    index: number,
    weights: Matrix,
    direction: Matrix,
    { rate, clip, step, decay: { share, columns } = NO_DECAY }: StepLength,
  ): void {
    const backend = this.#backend;
    const { momentum, buffer: velocity } = this.#velocities[index];
    if (momentum === false || momentum.on !== "update" || velocity === undefined) {
      return backend.takeStep(weights, rate.times(1, clip), direction, share, columns);
    }
    const mu = valueAt(momentum.value, step);
    backend.axpby(velocity, clip, direction, mu);
    const length = rate.times(momentum.nesterov ? mu : 1);
    backend.takeStep(weights, length, velocity, share, columns);
    if (momentum.nesterov) backend.axpby(weights, rate.times(-1, clip), direction, 1);
  }

  /** Gives the velocities back. */
  [Symbol.dispose](): void {
    for (const velocity of this.#velocities) velocity[Symbol.dispose]();
  }

  /** `(1 - past) c`, computed once a step for parameters of one momentum. */
  #freshBeside(past: number): Scalar {
    if (this.#factor === undefined) return 1 - past;
    const known = this.#fresh.get(past);
    if (known !== undefined) return known;
    const fresh = this.#backend.scratch(1, 1);
    this.#backend.axpby(fresh, 1 - past, this.#factor, 0);
    this.#fresh.set(past, fresh);
    return fresh;
  }
}
