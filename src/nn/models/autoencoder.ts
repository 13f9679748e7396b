/**
 * The deep autoencoder, the classical hard problem of second-order training (Hinton & Salakhutdinov
 * 2006; Martens & Grosse 2015, section 13).
 *
 * @module
 */

import { optional, resolve } from "../../core/schema.ts";
import { activation } from "../activations.ts";
import { dense } from "../dense.ts";
import { flatten } from "../flatten.ts";
import { lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { nonlinearity, size, sizes } from "./rules.ts";

/** Options of {@linkcode autoencoder}. */
export interface AutoencoderOptions {
  /** Numbers per example, in and out. @default {784} */
  readonly features?: number;
  /** Widths of the encoder, down to the code; the decoder mirrors them. @default {[250, 100, 30]} */
  readonly widths?: readonly number[];
  /** Nonlinearity of the hidden units; the code is linear. @default {"tanh"} */
  readonly activation?: "relu" | "tanh" | "sigmoid";
}

/**
 * The layers of an autoencoder, by default 784-250-100-30-100-250-784. The code and the outputs are
 * linear: outputs are logits for `sigmoidCrossEntropy()`, with the inputs as targets. Takes rows of
 * features, or images, which it flattens. With the defaults: 449,514 parameters.
 *
 * The larger one of the literature (Hinton and Salakhutdinov 2006) has `widths: [1000, 500, 250, 30]` and
 * `activation: "sigmoid"`: 2,837,314 parameters.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { autoencoder, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [16], layers: autoencoder({ features: 16, widths: [8, 2] }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [16]);
 * ```
 */
export function autoencoder(options: AutoencoderOptions = {}): LayerSpec[] {
  const { features, widths, activation: kind } = resolve("Cannot create autoencoder", options, {
    features: optional(size, 784),
    widths: optional(sizes, [250, 100, 30]),
    activation: optional(nonlinearity, "tanh"),
  });
  const code = widths.length - 1;
  const mirrored = [...widths, ...widths.slice(0, -1).reverse()];
  return [
    flatten(),
    ...mirrored.flatMap((units, i) => [
      dense(units, { init: lecunNormal }),
      ...(i === code ? [] : [activation(kind)]),
    ]),
    dense(features, { init: lecunNormal }),
  ];
}
