/**
 * Joining a model and a loss.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { Loss } from "./losses/loss.ts";
import { ModelObjective } from "./model_objective.ts";
import type { Sequential } from "./sequential.ts";

/**
 * Joins a model and a loss. Owns nothing: the caller disposes the model.
 *
 * @param model A model; its K outputs (an image's numbers in the order row, column, channel) are what
 * the loss sees. A loss that is `perPosition` sees those of each position of a sequence [T, K].
 * @param loss The loss of one example; gradients are of its mean.
 * @throws {OptionError} When one of the two is something else.
 */
export function objective(model: Sequential, loss: Loss): ModelObjective {
  const subject = "Cannot join a model and a loss";
  if (typeof model?.forward !== "function" || !Array.isArray(model.parameters)) {
    throw new OptionError(subject, "model", "must be a model, as sequential(...) makes it", model);
  }
  if (typeof loss?.targetShape !== "function") {
    const expectation = "must be a loss, such as softmaxCrossEntropy() or squaredError()";
    throw new OptionError(subject, "loss", expectation, loss);
  }
  return new ModelObjective(model, loss);
}
