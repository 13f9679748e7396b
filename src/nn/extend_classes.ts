/**
 * More classes for a classifier.
 *
 * @module
 */

import { OptionError, StateError } from "../core/errors.ts";
import { rowsOf } from "../core/matrix.ts";
import { rebuilt } from "./rebuild.ts";
import type { Sequential } from "./sequential.ts";

/**
 * The same model with more outputs of its last layer, a dense one. Weights stay, those of new outputs are zero: the
 * probabilities of the old classes keep their ratios. An optimizer of the old model does not fit the new one: make
 * another, which begins its averages and its curvature anew.
 *
 * @param model Stays as it is.
 * @param classes Outputs in all, more than it has.
 * @returns A new model on the same backend; the caller disposes both.
 * @throws {OptionError} When there are no more classes than outputs.
 * @throws {StateError} When the last layer is no dense one, or a layer cannot be described (a custom one).
 *
 * @example A third class
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { extendClasses, head, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using two = sequential(backend, { input: [4], layers: head({ classes: 2 }), seed: 1 });
 * using three = extendClasses(two, 3);
 * const before = await objective(two, softmaxCrossEntropy()).predict([1, 2, 3, 4]);
 * const after = await objective(three, softmaxCrossEntropy()).predict([1, 2, 3, 4]);
 * assert.deepEqual([...after], [...before, 0]);
 * ```
 */
export function extendClasses(model: Sequential, classes: number): Sequential {
  const subject = "Cannot extend a classifier";
  const last = model.layers[model.layers.length - 1];
  const rows = last.parameter?.value.rows;
  if (last.parameter?.layer.kind !== "dense" || rows === undefined) {
    throw new StateError(`${subject}: expected a dense layer at its end, received '${last.name}'`);
  }
  if (!Number.isInteger(classes) || classes <= rows) {
    throw new OptionError(subject, "classes", `must be an integer > ${rows}`, classes);
  }
  const { backend } = model;
  return rebuilt(model, {
    subject,
    edit: (description, _, layer) =>
      layer === last
        ? { ...description, options: { ...description.options, outFeatures: classes } }
        : description,
    copy(from, to) {
      if (from !== last) return false;
      backend.axpby(rowsOf(to.parameter!.value, 0, rows), 1, from.parameter!.value, 0);
      return true;
    },
  });
}
