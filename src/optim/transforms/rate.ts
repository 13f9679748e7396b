/**
 * The length of a step as a number that may only be known to the device.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { Matrix } from "../../core/matrix.ts";

/**
 * Learning rate times annealing; 0 where the step turns out to be cancelled.
 *
 * @example A step that is cancelled on the device has length 0
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * assert.equal(new Rate(backend, 0.5).times(-1), -0.5);
 * using cancelled = backend.alloc(1, 1);
 * backend.scope(() => {
 *   const length = new Rate(backend, 0.5, cancelled).times(-1);
 *   assert(typeof length !== "number" && Math.abs(backend.readSync(length)[0]) === 0);
 * });
 * ```
 */
export class Rate {
  readonly #backend: Backend;
  readonly #value: number;
  readonly #flag: Matrix | undefined;

  /**
   * A rate of one step.
   *
   * @param value Learning rate times annealing.
   * @param flag [1, 1], 1 or 0 for a step that is cancelled on the device; `undefined` where steps that
   * must not be taken have been stopped by the host.
   */
  constructor(backend: Backend, value: number, flag?: Matrix) {
    this.#backend = backend;
    this.#value = value;
    this.#flag = flag;
  }

  /**
   * The rate times a number, and times a [1, 1] matrix where one is given (which is taken to be 0 where
   * the step is cancelled). Inside a scope.
   */
  times(factor: number, matrix: Matrix | undefined = this.#flag): Scalar {
    if (matrix === undefined) return factor * this.#value;
    const scaled = this.#backend.scratch(1, 1);
    this.#backend.axpby(scaled, factor * this.#value, matrix, 0);
    return scaled;
  }
}
