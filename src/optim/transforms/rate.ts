/**
 * The length of a step as a number that may only be known to the device.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { Matrix } from "../../core/matrix.ts";

/**
 * Learning rate times annealing.
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
  readonly #value: number;

  /** A rate of one step: learning rate times annealing. */
  constructor(backend: Backend, value: number) {
    this.#backend = backend;
    this.#value = value;
  }

  /** The rate times a number, and times a [1, 1] matrix where one is given. Inside a scope. */
  times(factor: number, matrix?: Matrix): Scalar {
    if (matrix === undefined) return factor * this.#value;
    const scaled = this.#backend.scratch(1, 1);
    this.#backend.axpby(scaled, factor * this.#value, matrix, 0);
    return scaled;
  }
}
