/**
 * A model of jax-js to ask questions of.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { JaxObservation } from "./captures.ts";
import { batchOf, matricesOf, modelFor } from "./external.ts";
import type { JaxLayers } from "./layers.ts";
import type { JaxParams } from "./tree.ts";

/** What {@linkcode observedModel} makes. The caller disposes it. */
export interface ObservedModel extends Disposable {
  /** The model with its weights as they were handed over, for whatever takes an `Objective`. */
  readonly objective: ExternalModel;
  /**
   * A batch of the objective. Consumes its arguments.
   *
   * @param gradients From `captured`.
   * @param observation From `captured`, of the same batch and the same parameters.
   */
  batch(gradients: JaxParams, observation: JaxObservation): Promise<ExternalBatch>;
}

/**
 * A trained model of jax-js as an objective: its curvature, and with it influence, pruning and more
 * (`@tekfac/tekfac/analysis`). Curvature is the empirical Fisher, of the gradients that are handed over.
 *
 * @param backend Where the curvature is computed; the caller disposes it, last.
 * @param layers The layers whose curvature is seen, as for `captured`.
 * @param params The parameters, consumed.
 * @throws {OptionError | ShapeError} When the layers do not fit the parameters.
 * @throws {StateError} When an array belongs to another version or copy of jax-js.
 *
 * @example The example that a line does not fit
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaultDevice, init, numpy as np, tree } from "npm:@jax-js/jax@0.1.25";
 * import { createBackend } from "@tekfac/tekfac";
 * import { curvatureOf, selfInfluence } from "@tekfac/tekfac/analysis";
 * import { captured, observedModel } from "@tekfac/tekfac/jax";
 *
 * await init("cpu");
 * defaultDevice("cpu");
 * const layers = { line: { kind: "dense" } } as const;
 * const params = { line: { w: np.array([[1]]), b: np.zeros([1]) } }; // y = x
 * const differentiate = captured(layers, ({ line }: typeof params, probe, x, y) => {
 *   const z = probe("line", x.ref, np.dot(x, line.w).add(line.b));
 *   return np.mean(np.square(z.sub(y))).mul(0.5);
 * });
 *
 * using backend = await createBackend();
 * using model = await observedModel(backend, layers, tree.ref(params));
 * const x = np.array([[-1], [0], [1], [2]]), y = np.array([[-1], [0.1], [1.1], [-5]]);
 * const train = [await model.batch(...differentiate(params, x, y))];
 * using curvature = await curvatureOf(model.objective, train);
 * const own = await selfInfluence(curvature, { train });
 * assert.equal(own.indexOf(Math.max(...own)), 3);
 * ```
 */
export async function observedModel(
  backend: Backend,
  layers: JaxLayers,
  params: JaxParams,
): Promise<ObservedModel> {
  const { sites, model } = modelFor(backend, layers, params);
  try {
    model.writeWeights(await matricesOf(sites, params));
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
  return {
    objective: model,
    batch: (gradients, observation) => batchOf(sites, gradients, observation),
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}
