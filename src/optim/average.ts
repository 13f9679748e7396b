/**
 * Averages of the weights over the steps, for evaluation: what an optimizer asks of one.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { madeForEach } from "../core/at_layer.ts";
import { OptionError, StateError } from "../core/errors.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { isRecord, off, type Rule, where } from "../core/schema.ts";
import { Owner } from "../curvature/blocks/block.ts";
import type { Objective } from "./objective.ts";

/** An average that an optimizer is to keep: `exponentialAverage(...)` or `scheduleFree(...)`. */
export interface WeightAverage {
  /** `"exponential"`, `"scheduleFree"`. */
  readonly kind: string;
  /** Whether it can follow where a step is taken back. */
  readonly takesBack: boolean;
  /** Allocates it for a model. The caller disposes it. */
  create(objective: AveragedModel): AveragedWeights;
}

/** What the option takes. */
export const averageRule: Rule<WeightAverage | false> = off(where(
  "exponentialAverage({ decay }) or scheduleFree()",
  (value): value is WeightAverage => isRecord(value) && typeof value.create === "function",
));

/**
 * Holds an average against steps that may be taken back.
 *
 * @throws {OptionError} When it cannot follow there.
 */
export function checkTakesBack(
  subject: string,
  { average, takeBack }: { readonly average: WeightAverage | false; readonly takeBack: boolean },
): void {
  if (average === false || average.takesBack || !takeBack) return;
  const expectation = `must be false where the average is '${average.kind}'`;
  throw new OptionError(subject, "takeBack", expectation, takeBack);
}

/** What of an objective is averaged. */
export type AveragedModel = Pick<Objective<never>, "backend" | "parameters" | "state">;

/** A matrix of the model that is averaged. */
export type LiveMatrix = Pick<Parameter, "name" | "value">;

/**
 * Weights for evaluation beside those of training; an optimizer owns them.
 *
 * @example An average without an optimizer
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, exponentialAverage } from "@tekfac/tekfac";
 * import type { AveragedWeights } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * using value = backend.alloc(1, 1);
 * const parameter = { name: "w", layer: { kind: "other" }, value, gradient: value } as const;
 * using average: AveragedWeights = exponentialAverage({ decay: 0.5 })
 *   .create({ backend, parameters: [parameter] });
 * for (const weight of [1, 4]) {
 *   average.begin(1);
 *   backend.write(value, [weight]);
 *   average.end();
 * }
 * // (0.5 * 1 + 1 * 4) / (0.5 + 1)
 * assert.equal(average.runSync(() => backend.readSync(value)[0]), 3);
 * assert.equal(backend.readSync(value)[0], 4);
 * ```
 */
export abstract class AveragedWeights extends Owner {
  /** Its matrices by name; for checkpoints. */
  abstract readonly state: Readonly<Record<string, Matrix>>;
  /** Its counters, >= 0; for checkpoints. */
  abstract memory: readonly number[];
  /** Where all of it lives. */
  protected readonly backend: Backend;
  /** What evaluation overwrites for its duration. */
  protected readonly live: readonly LiveMatrix[];
  /** Weights of training while averages are in their place. */
  #kept: readonly OwnedMatrix[] | undefined;

  /** For matrices of a model. */
  constructor(backend: Backend, live: readonly LiveMatrix[]) {
    super();
    this.backend = backend;
    this.live = live;
  }

  /** Called before a step is applied. @param rate Learning rate times annealing. */
  abstract begin(rate: number): void;

  /** Applies the step of a parameter: `take` changes the matrix it is given. Inside a scope. */
  abstract apply(index: number, parameter: Parameter, take: (weights: Matrix) => void): void;

  /** Called when all parameters have moved, as far as they stay. */
  abstract end(): void;

  /** Called when the last step has been taken back: these were the weights after it. */
  abstract amend(wrong: readonly Matrix[]): void;

  /** Writes the average over one of the live matrices. Inside a scope. */
  protected abstract write(index: number, live: Matrix): void;

  /** Whether a checkpoint's numbers can be its {@linkcode AveragedWeights.memory}. */
  accepts(memory: unknown): boolean {
    return Array.isArray(memory) && memory.length === this.memory.length &&
      memory.every((number) => Number.isFinite(number) && number >= 0);
  }

  /**
   * Throws while averages are in the place of the weights.
   *
   * @throws {StateError} Then.
   */
  checkOutside(subject: string): void {
    if (this.#kept === undefined) return;
    throw new StateError(`${subject} while averaged weights are in the model: let withAverage end`);
  }

  /** Runs `body` with averages in the place of the weights; once more where the device is lost meanwhile. */
  async run<T>(body: () => T | Promise<T>): Promise<T> {
    const { recovery } = this.backend;
    return await this.backend.reading(async () => {
      const devicesLost = recovery?.devicesLost;
      this.#enter();
      try {
        return await body();
      } finally {
        // What comes back after a loss is the weights of training.
        this.#leave(recovery?.devicesLost === devicesLost);
      }
    });
  }

  /** The same at once. */
  runSync<T>(body: () => T): T {
    this.#enter();
    try {
      return body();
    } finally {
      this.#leave(true);
    }
  }

  #enter(): void {
    this.checkOutside("Cannot begin to evaluate");
    const { backend, live } = this;
    const kept = madeForEach(live, (i) => {
      const { rows, cols } = live[i].value;
      return backend.alloc(rows, cols);
    });
    this.#kept = kept;
    backend.scope(() => {
      live.forEach(({ value }, i) => {
        backend.axpby(kept[i], 1, value, 0);
        this.write(i, value);
      });
    });
  }

  /** @param back Whether the weights of training are to be written back. */
  #leave(back: boolean): void {
    this.#kept!.forEach((matrix, i) => {
      if (back) this.backend.axpby(this.live[i].value, 1, matrix, 0);
      matrix[Symbol.dispose]();
    });
    this.#kept = undefined;
  }
}

/**
 * The average that an optimizer keeps.
 *
 * @throws {StateError} Where it keeps none.
 */
export function averageOf(
  { average }: { readonly average: AveragedWeights | undefined },
): AveragedWeights {
  if (average !== undefined) return average;
  throw new StateError(
    "Cannot evaluate with averaged weights: expected an optimizer made with the option 'average', " +
      "exponentialAverage({ decay: 0.99 })",
  );
}
