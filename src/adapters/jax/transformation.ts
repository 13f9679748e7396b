/**
 * The gradient transformation.
 *
 * @module
 */

import { tree } from "npm:@jax-js/jax@0.1.25";
import type { Backend } from "../../backend/backend.ts";
import { StateError } from "../../core/errors.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import type { StepReport } from "../../optim/report.ts";
import type { JaxObservation } from "./captures.ts";
import { batchOf, matricesOf, modelFor } from "./external.ts";
import type { JaxLayers, Site } from "./layers.ts";
import { toArrays } from "./matrices.ts";
import { type JaxArray, type JaxParams, rebuilt } from "./tree.ts";

/** A gradient transformation in the style of optax, whose `update` reads arrays and so is asynchronous. */
export interface JaxTransformation {
  /**
   * Creates the state for parameters, and consumes them.
   *
   * @throws {OptionError | ShapeError} When the layers do not fit the parameters.
   * @throws {StateError} When an array belongs to another version or copy of jax-js.
   */
  init(params: JaxParams): Promise<JaxState>;

  /**
   * Turns gradients into updates, to be added to the parameters by `applyUpdates`. Consumes all its
   * arguments; the state that comes back takes the place of the one that was given.
   *
   * @param gradients Of the mean loss, in the form of the parameters.
   * @param state From `init` or the last `update`.
   * @param params The parameters as they are.
   * @param observation From `captured`.
   * @throws {NumericalError} When the loss, a gradient or an update is not finite. The state is as before.
   */
  update<P extends JaxParams>(
    gradients: P,
    state: JaxState,
    params: P,
    observation: JaxObservation,
  ): Promise<[updates: P, state: JaxState]>;
}

/** State of an optimizer, on this library's backend. The caller disposes the last one. */
export interface JaxState extends Disposable {
  /** The optimizer; `saveState` and `loadState` keep and restore it. */
  readonly optimizer: Optimizer<ExternalBatch>;
  /** What happened in the last step; `undefined` before the first. */
  readonly report: StepReport | undefined;
}

/**
 * Makes one of this library's optimizers a gradient transformation of jax-js.
 *
 * @param backend Where the optimizer computes; the caller disposes it, after the state.
 * @param layers The layers whose curvature is seen, as for `captured`.
 * @param create The optimizer: `(model) => tekfac(model, { ... })`.
 */
export function transformation(
  backend: Backend,
  layers: JaxLayers,
  create: (model: ExternalModel) => Optimizer<ExternalBatch>,
): JaxTransformation {
  /** What belongs to a state and is nobody else's business. */
  const models = new WeakMap<Optimizer<ExternalBatch>, {
    readonly model: ExternalModel;
    readonly sites: readonly Site[];
  }>();
  const stateOf = (optimizer: Optimizer<ExternalBatch>, report?: StepReport): JaxState => ({
    optimizer,
    report,
    [Symbol.dispose]: () => {
      optimizer[Symbol.dispose]();
      models.get(optimizer)!.model[Symbol.dispose]();
    },
  });
  return {
    // deno-lint-ignore require-await
    async init(params) {
      const { sites, model } = modelFor(backend, layers, params);
      try {
        const optimizer = create(model);
        models.set(optimizer, { model, sites });
        tree.dispose(params);
        return stateOf(optimizer);
      } catch (error) {
        model[Symbol.dispose]();
        throw error;
      }
    },
    async update(gradients, { optimizer }, params, observation) {
      const known = models.get(optimizer);
      if (known === undefined) {
        throw new StateError("Cannot update: the state belongs to another transformation");
      }
      const { model, sites } = known;
      const before = await matricesOf(sites, params);
      model.writeWeights(before);
      const report = await optimizer.step(await batchOf(sites, gradients, observation)).report();
      const after = await model.readWeights();
      const updates = new Map<string, JaxArray>();
      for (const site of sites) {
        const { name } = site.parameter;
        const change = Float64Array.from(after[name], (value, i) => value - before[name][i]);
        toArrays(site, change).forEach((array, path) => updates.set(path, array));
      }
      return [rebuilt(params, updates), stateOf(optimizer, report)];
    },
  };
}
