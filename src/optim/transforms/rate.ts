/**
 * The length of a step as a number that may only be known to the device.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { Matrix } from "../../core/matrix.ts";

/**
 * Learning rate times annealing, and times what only the device knows, where there is such a factor.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * const rate = new Rate(backend, 0.5);
 * assert.equal(rate.times(-1), -0.5);
 * using clip = backend.alloc(1, 1);
 * backend.write(clip, [0.25]);
 * backend.scope(() => {
 *   const length = rate.times(1, clip);
 *   assert(typeof length !== "number" && backend.readSync(length)[0] === 0.125);
 * });
 * ```
 */
export class Rate {
  readonly #backend: Backend;
  readonly #value: Scalar;

  /**
   * A rate of one step. Inside the step's scope.
   *
   * @param value Learning rate times annealing.
   * @param factor s of `Settling`, [1, 1].
   */
  constructor(backend: Backend, value: number, factor?: Matrix) {
    this.#backend = backend;
    this.#value = factor === undefined ? value : this.#product(value, factor);
  }

  /** The rate times a number, and times a [1, 1] matrix where one is given. Inside a scope. */
  times(factor: number, matrix?: Matrix): Scalar {
    const value = this.#value;
    const scaled = typeof value === "number"
      ? factor * value
      : factor === 1
      ? value
      : this.#product(factor, value);
    return matrix === undefined ? scaled : this.#product(scaled, matrix);
  }

  #product(factor: Scalar, matrix: Matrix): Matrix {
    const out = this.#backend.scratch(1, 1);
    this.#backend.axpby(out, factor, matrix, 0);
    return out;
  }
}
