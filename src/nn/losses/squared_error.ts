/**
 * The loss of regression.
 *
 * @module
 */

import { choice, optional, resolve, type SchemaOf } from "../../core/schema.ts";
import { checkFiniteTargets } from "./finite_targets.ts";
import type { Loss } from "./loss.ts";
import { normals } from "./noise.ts";

/** Options of {@linkcode squaredError}. */
export interface SquaredErrorOptions {
  /**
   * How the K squares of an example are put together. It sets the scale of gradients and curvature,
   * hence the meaning of learning rates and of absolute damping.
   *
   * @default {"halfSum"}
   */
  readonly over?: "halfSum" | "mean";
}

/** What the options take. */
export const squaredErrorSchema = {
  over: optional(choice("halfSum", "mean"), "halfSum"),
} satisfies SchemaOf<SquaredErrorOptions>;

/**
 * `halfSum`: `l_n = 1/2 sum_k (z_nk - y_nk)^2`, the negative log likelihood under unit variance;
 * gradient `z_n - y_n`. `mean`: `l_n = 1/K sum_k (z_nk - y_nk)^2`, variance K/2; gradient
 * `2/K (z_n - y_n)`.
 *
 * Targets are K finite numbers per example; of a sequence [T, K] they are T K, of which the sum, or the mean, is taken.
 *
 * @throws {OptionError} When an option is unknown.
 *
 * @example Half the sum of the squares of an example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError, zeros } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(2, { init: zeros })], seed: 1 });
 * const { loss } = await objective(model, squaredError()).evaluate({ inputs: [1], targets: [3, 4] });
 * assert.equal(loss, 25 / 2);
 * ```
 */
export function squaredError(options: SquaredErrorOptions = {}): Loss {
  const subject = "Cannot create squaredError";
  const { over } = resolve(subject, options, squaredErrorSchema);
  return {
    kind: over === "mean" ? "meanSquaredError" : "halfSumSquaredError",
    targetShape: (examples, outputs) => [examples, outputs],
    perPosition: over === "mean",
    quadratic: true,
    checkTargets: checkFiniteTargets,
    drawNoise: normals,
  };
}
