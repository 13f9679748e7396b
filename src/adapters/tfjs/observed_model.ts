/**
 * A model of TensorFlow.js to ask questions of.
 *
 * @module
 */

import type { Scalar } from "npm:@tensorflow/tfjs-core@4.22.0";
import type { LayersModel } from "npm:@tensorflow/tfjs-layers@4.22.0";
import type { Backend } from "../../backend/backend.ts";
import { sequenceVerbs } from "../../backend/wasm/sequences/extension.ts";
import { OptionError } from "../../core/errors.ts";
import type { ExternalBatch } from "../../optim/external_batch.ts";
import type { ExternalUse } from "../../optim/external_capture.ts";
import { isMatrix } from "../../optim/external_numbers.ts";
import { type ExternalModel, externalModel } from "../../optim/external_model.ts";
import { exchangeOf } from "./exchange.ts";
import { type Site, watchedLayers } from "./layers.ts";
import { type Pass, recordPass } from "./pass.ts";
import { WeightLink } from "./weights.ts";

/** What {@linkcode observedModel} makes. The caller disposes it. */
export interface ObservedModel extends Disposable {
  /** The model with its weights as they were when the last batch was made, for whatever takes an `Objective`. */
  readonly objective: ExternalModel;
  /**
   * A batch of the objective, on the host.
   *
   * @param loss Computes the mean of the examples' losses by calling the model.
   * @throws {ShapeError | StateError} When a layer is called more often than the model says, or not at all.
   */
  batch(loss: () => Scalar): Promise<ExternalBatch>;
}

/**
 * A trained model of TensorFlow.js as an objective: its curvature, and with it influence, pruning and more
 * (`@tekfac/tekfac/analysis`). Layers that are trainable now count. Curvature is the empirical Fisher, of the losses that
 * are computed.
 *
 * @param model The model; stays the caller's, and as it is.
 * @param backend Where the curvature is computed, as for `TekfacOptimizer`; the caller disposes it, last.
 * @throws {StateError} When the model has no layers or nothing to train.
 * @throws {OptionError} When the framework's numbers cannot get to the backend.
 *
 * @example The example that a line does not fit
 * ```ts
 * import assert from "node:assert/strict";
 * import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
 * import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
 * import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
 * import { createBackend } from "@tekfac/tekfac";
 * import { curvatureOf, selfInfluence } from "@tekfac/tekfac/analysis";
 * import { observedModel } from "@tekfac/tekfac/tfjs";
 *
 * const model = tfl.sequential({ layers: [tfl.layers.dense({ units: 1, inputShape: [1] })] });
 * model.setWeights([tf.tensor2d([[1]]), tf.tensor1d([0])]); // y = x
 * const x = tf.tensor2d([[-1], [0], [1], [2]]), y = tf.tensor2d([[-1], [0.1], [1.1], [-5]]);
 *
 * using backend = await createBackend();
 * using observed = observedModel(model, backend);
 * const loss = () => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor) as tf.Scalar;
 * const train = [await observed.batch(loss)];
 * using curvature = await curvatureOf(observed.objective, train);
 * const own = await selfInfluence(curvature, { train });
 * assert.equal(own.indexOf(Math.max(...own)), 3);
 * ```
 */
export function observedModel(model: LayersModel, backend: Backend): ObservedModel {
  const { layers } = watchedLayers(model);
  const sites = layers.flatMap(({ sites }) => sites);
  const exchange = exchangeOf(backend);
  if (exchange === undefined) {
    const expectation =
      "must be a synchronous backend of this library, such as 'wasm', or one on " +
      "TensorFlow.js's own GPU device, without recovery";
    throw new OptionError("Cannot observe a model", "backend", expectation, backend.name);
  }
  if (sites.some(({ parameter }) => parameter.layer.kind === "embedding")) {
    backend.extend(sequenceVerbs);
  }
  const external = externalModel(backend, sites.map(({ parameter }) => parameter));
  const link = new WeightLink(sites, external, exchange);
  return {
    objective: external,
    batch: (loss) =>
      backend.reading(() =>
        backend.scope(() => {
          exchange.check();
          link.pull();
          const pass = recordPass(loss, layers, { external, exchange });
          const mean = pass.value.dataSync()[0];
          pass.value.dispose();
          return onHost(backend, pass, mean);
        })
      ),
    [Symbol.dispose]: () => external[Symbol.dispose](),
  };
}

/** What a pass has left, as plain numbers; begins to read at once. */
async function onHost(
  backend: Backend,
  { examples, captures, gradients }: Pass,
  loss: number,
): Promise<ExternalBatch> {
  const named = async <T, U>(found: Iterable<readonly [Site, T]>, read: (what: T) => Promise<U>) =>
    Object.fromEntries(
      await Promise.all(
        Array.from(found, async ([{ parameter }, what]) => [parameter.name, await read(what)]),
      ),
    ) as Record<string, U>;
  // A layer's captures tell its gradient.
  const others = [...gradients].filter(([site]) => !captures.has(site));
  const [uses, rest] = await Promise.all([
    named(captures, (uses) => Promise.all(uses.map((use) => useOnHost(backend, use)))),
    named(others, (gradient) => backend.read(gradient)),
  ]);
  return { examples, loss, captures: uses, gradients: rest };
}

async function useOnHost(backend: Backend, use: ExternalUse): Promise<ExternalUse> {
  const entries = Object.entries(use).map(async ([name, value]) =>
    [
      name,
      typeof value === "number" || !isMatrix(value) ? value : await backend.read(value),
    ] as const
  );
  return Object.fromEntries(await Promise.all(entries)) as unknown as ExternalUse;
}
