/**
 * The weights of a model of TensorFlow.js as plain arrays.
 *
 * @module
 */

import type * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
import type { NamedArray } from "../../core/safetensors.ts";

/**
 * Copies of a model's weights by the names that its layers give them, `dense_Dense1/kernel`: what `importWeights` of
 * `model` takes with `layout: "tensorflow"`. Waits for the framework's backend.
 *
 * @param model Untouched.
 *
 * @example A layer of TensorFlow.js as one of this library
 * ```ts
 * import assert from "node:assert/strict";
 * import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
 * import * as tfl from "npm:@tensorflow/tfjs-layers@4.22.0";
 * import { createBackend, dense, sequential } from "@tekfac/tekfac";
 * import { importWeights } from "@tekfac/tekfac/model";
 * import { namedWeights } from "@tekfac/tekfac/tfjs";
 *
 * const layers = [tfl.layers.dense({ units: 3, inputShape: [2], name: "fc" })];
 * const arrays = await namedWeights(tfl.sequential({ layers }));
 * assert.deepEqual(Object.keys(arrays), ["fc/kernel", "fc/bias"]);
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3)] });
 * await importWeights(model, arrays, { layout: "tensorflow", names: { dense1: "fc" } });
 * ```
 */
export async function namedWeights(model: tfl.LayersModel): Promise<Record<string, NamedArray>> {
  const entries = await Promise.all(model.weights.map(async (weight) => {
    const tensor = weight.read();
    const data = Float32Array.from(await tensor.data());
    return [weight.originalName, { shape: tensor.shape, data }] as const;
  }));
  return Object.fromEntries(entries);
}
