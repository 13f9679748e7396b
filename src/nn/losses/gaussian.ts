/**
 * The loss of regression that says how sure it is.
 *
 * @module
 */

import { ShapeError } from "../../core/errors.ts";
import { checkFiniteTargets } from "./finite_targets.ts";
import { densityLossVerbs } from "../../backend/wasm/density_losses/extension.ts";
import type { Loss } from "./loss.ts";
import { normals } from "./noise.ts";

/**
 * Minus the log likelihood of a normal distribution with mean and variance of the model's own (Nix & Weigend 1994), up to
 * `log(2 pi) / 2` per target: with outputs `[m s]`, M means beside the M logarithms of variances,
 * `l_n = 1/2 sum_j s_j + (m_j - y_j)^2 exp(-s_j)`. It may be negative. Gradients: `(m - y) exp(-s)` and
 * `(1 - (m - y)^2 exp(-s)) / 2`.
 *
 * Targets are M finite numbers per example, half as many as outputs; or per position of a sequence, over which it is
 * summed.
 *
 * The curvature is the Fisher information, `exp(-s)` of a mean and 1/2 of a log variance. The Hessian, which need not be
 * positive, has that for its mean over the model's own targets.
 *
 * @throws {ShapeError} When it is joined with a model that has an odd number of outputs.
 *
 * @example A mean and a log variance
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, gaussianNll, objective, sequential, writeWeights } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(2)], seed: 1 });
 * writeWeights(backend, model.parameters[0], [0, 3, 0, -2]); // mean 3, variance exp(-2)
 * const goal = objective(model, gaussianNll());
 * const { loss } = await goal.evaluate({ inputs: [0], targets: [3] });
 * assert.equal(loss, -1);
 * ```
 */
export function gaussianNll(): Loss {
  return {
    kind: "gaussian",
    verbs: densityLossVerbs,
    inNats: true,
    targetShape(predictions, outputs) {
      if (outputs % 2 === 0) return [predictions, outputs / 2];
      throw new ShapeError(
        "Cannot join a model and gaussianNll",
        "an even number of outputs, means and then log variances",
        `${outputs}`,
      );
    },
    checkTargets: (targets, outputs, positions) =>
      checkFiniteTargets(targets, outputs / 2, positions),
    drawNoise: normals,
  };
}
