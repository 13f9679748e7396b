/**
 * The loss of K independent yes-or-no questions, and of images as seen by an autoencoder.
 *
 * @module
 */

import { DataError } from "../../core/errors.ts";
import type { Loss } from "./loss.ts";
import { uniforms } from "./noise.ts";
import { placeOf } from "./target_place.ts";

/**
 * Binary cross-entropy with logits, summed over outputs:
 * `l_n = sum_k log(1 + exp z_nk) - y_nk z_nk`. Gradient with respect to z: `sigmoid(z_n) - y_n`.
 *
 * Targets are K probabilities in [0, 1] per example; outputs are logits.
 *
 * @example Each output is a yes or a no of its own
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, sigmoidCrossEntropy } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3)], seed: 1 });
 * const goal = objective(model, sigmoidCrossEntropy());
 * const { loss } = await goal.evaluate({ inputs: [0, 0], targets: [1, 0, 1] });
 * assert(Math.abs(loss - 3 * Math.log(2)) < 1e-6); // outputs are 0: every guess is even
 * ```
 */
export function sigmoidCrossEntropy(): Loss {
  return {
    kind: "sigmoidCrossEntropy",
    targetShape: (examples, outputs) => [examples, outputs],
    checkTargets,
    drawNoise: uniforms,
  };
}

function checkTargets(targets: ArrayLike<number>, outputs: number, positions = 1): void {
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] >= 0 && targets[i] <= 1) continue;
    const place = placeOf(i, outputs, positions);
    throw new DataError("batch", `${place} must be in [0, 1]: received ${targets[i]}`);
  }
}
