/**
 * Elementwise nonlinearities. Each takes any shape and gives the same one.
 *
 * The backward pass keeps outputs: derivatives are functions of them. Those of inputs are in
 * `smooth_activations.ts`.
 *
 * @module
 */

import type { Activation, Backend } from "../backend/backend.ts";
import { rowsOf } from "../core/matrix.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { functionLayer } from "./function_layer.ts";

/** `y = max(x, 0)`; derivative 0 at 0. */
export function relu(): LayerSpec {
  return activation("relu");
}

/**
 * `y = tanh x`.
 *
 * @example Its outputs lie between -1 and 1
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3), tanh()], seed: 1 });
 * const outputs = await objective(model, squaredError()).predict([5, -5]);
 * assert(outputs.every((y) => Math.abs(y) <= 1));
 * ```
 */
export function tanh(): LayerSpec {
  return activation("tanh");
}

/**
 * `y = 1 / (1 + exp(-x))`, for hidden units. Outputs that are probabilities need none: the loss
 * `sigmoidCrossEntropy()` takes logits.
 *
 * @example Its outputs lie between 0 and 1
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, sigmoid, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3), sigmoid()], seed: 1 });
 * const outputs = await objective(model, squaredError()).predict([5, -5]);
 * assert(outputs.every((y) => y > 0 && y < 1));
 * ```
 */
export function sigmoid(): LayerSpec {
  return activation("sigmoid");
}

/** The layer of a nonlinearity given by name, for models that leave the choice to their caller. */
export function activation(kind: "relu" | "tanh" | "sigmoid"): LayerSpec {
  return elementwise(kind, "outputs");
}

/**
 * The layer of any nonlinearity.
 *
 * @param keeps What its derivative is a function of.
 * @param prepare Called before it is built.
 */
export function elementwise(
  kind: Activation,
  keeps: "inputs" | "outputs",
  prepare: (backend: Backend) => void = () => {},
): LayerSpec {
  return {
    kind,
    options: {},
    build(context: BuildContext): Layer {
      const { backend } = context;
      prepare(backend);
      return functionLayer(context, {
        output: context.input,
        forward(x) {
          const y = backend.scratch(x.rows, x.cols);
          backend.activation(kind, y, x);
          return { outputs: y, kept: keeps === "outputs" ? y : x };
        },
        backward(g, kept) {
          const out = backend.scratch(g.rows, g.cols);
          backend.activationGradient(kind, out, rowsOf(kept, 0, g.rows), g);
          return out;
        },
      });
    },
  };
}
