/**
 * A classifier made of fully connected layers.
 *
 * @module
 */

import { optional, resolve } from "../../core/schema.ts";
import { activation } from "../activations.ts";
import { dense } from "../dense.ts";
import { flatten } from "../flatten.ts";
import { glorotNormal, heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { nonlinearity, size, sizes } from "./rules.ts";

/** Options of {@linkcode mlp}. */
export interface MlpOptions {
  /** Numbers of hidden units, from the inputs to the outputs. @default {[256, 128]} */
  readonly hidden?: readonly number[];
  /** Number of outputs. @default {10} */
  readonly classes?: number;
  /** Nonlinearity of the hidden units. @default {"relu"} */
  readonly activation?: "relu" | "tanh" | "sigmoid";
}

/**
 * The layers of a multilayer perceptron; outputs are logits. Takes rows of features, or images, which
 * it flattens. With 784 inputs and the defaults: 235,146 parameters.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { mlp, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [28, 28, 1], layers: mlp({ hidden: [16] }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [10]);
 * ```
 */
export function mlp(options: MlpOptions = {}): LayerSpec[] {
  const { hidden, classes, activation: kind } = resolve("Cannot create mlp", options, {
    hidden: optional(sizes, [256, 128]),
    classes: optional(size, 10),
    activation: optional(nonlinearity, "relu"),
  });
  const init = kind === "relu" ? heNormal : glorotNormal;
  return [
    flatten(),
    ...hidden.flatMap((units) => [dense(units, { init }), activation(kind)]),
    dense(classes, { init: lecunNormal }),
  ];
}
