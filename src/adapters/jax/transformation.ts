/**
 * The gradient transformation.
 *
 * @module
 */

import { tree } from "npm:@jax-js/jax@0.1.25";
import type { Backend } from "../../backend/backend.ts";
import { sequenceVerbs } from "../../backend/wasm/sequences/extension.ts";
import { StateError } from "../../core/errors.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalUse } from "../../optim/external_capture.ts";
import { type ExternalModel, externalModel } from "../../optim/external_model.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import type { StepReport } from "../../optim/report.ts";
import type { JaxObservation, JaxUse } from "./captures.ts";
import { type JaxLayers, type Site, sitesOf } from "./layers.ts";
import { toArrays, toMatrix } from "./matrices.ts";
import { arraysOf, type JaxArray, type JaxParams, rebuilt } from "./tree.ts";

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
      const sites = sitesOf(params, layers);
      if (Object.values(layers).some(({ kind }) => kind === "embedding")) {
        backend.extend(sequenceVerbs);
      }
      const model = externalModel(backend, sites.map(({ parameter }) => parameter));
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
    async update(gradients, { optimizer }, params, { examples, loss, captures }) {
      const known = models.get(optimizer);
      if (known === undefined) {
        throw new StateError("Cannot update: the state belongs to another transformation");
      }
      const { model, sites } = known;
      const before = await matricesOf(sites, params);
      model.writeWeights(before);
      const observed = Object.entries(captures).map(async ([name, uses]) =>
        [name, await Promise.all(uses.map(readUse))] as const
      );
      const report = await optimizer.step({
        examples,
        loss: Number((await loss.data())[0]),
        captures: Object.fromEntries(await Promise.all(observed)),
        gradients: await matricesOf(sites, gradients),
      }).report();
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

/** A use on the host. Consumes its arrays. */
async function readUse(use: JaxUse): Promise<ExternalUse> {
  if ("gradients" in use) return { gradients: await numbersOf(use.gradients) };
  if ("tokens" in use) {
    const outputGradients = numbersOf(use.outputGradients);
    return { tokens: await numbersOf(use.tokens), outputGradients: await outputGradients };
  }
  const outputGradients = numbersOf(use.outputGradients);
  const inputs = await numbersOf(use.inputs);
  const { positions } = use;
  return {
    inputs,
    outputGradients: await outputGradients,
    ...(positions === undefined ? {} : { positions }),
  };
}

async function numbersOf(array: JaxArray): Promise<ArrayLike<number>> {
  return await array.data() as ArrayLike<number>;
}

/** Numbers of a tree, one matrix per site. Consumes its arrays. */
async function matricesOf(
  sites: readonly Site[],
  params: JaxParams,
): Promise<Record<string, Float64Array>> {
  const arrays = arraysOf(params);
  const pairs = sites.map(async (site) => {
    const numbers = await Promise.all(site.paths.map((path) => arrays.get(path)!.data()));
    return [site.parameter.name, toMatrix(site, numbers as Float32Array[])] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}
