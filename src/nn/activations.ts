/**
 * Elementwise nonlinearities. Each takes any shape and gives the same one.
 *
 * The backward pass keeps outputs, where derivatives are functions of them, and inputs for the others.
 *
 * @module
 */

import type { Activation } from "../backend/backend.ts";
import { rowsOf } from "../core/matrix.ts";
import { choice, optional, resolve, type SchemaOf } from "../core/schema.ts";
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

/** Options of {@linkcode gelu}. */
export interface GeluOptions {
  /** `exact`, or the approximation by tanh of the same paper that some trained models use. @default {"exact"} */
  readonly form?: "exact" | "tanh";
}

/** What the options take. */
export const geluSchema = {
  form: optional(choice("exact", "tanh"), "exact"),
} satisfies SchemaOf<GeluOptions>;

/**
 * `y = x Phi(x)`, Phi the standard normal distribution function (Hendrycks & Gimpel 2016, arXiv 1606.08415); with
 * `form: "tanh"` `y = x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
 *
 * @throws {OptionError} When an option is unknown or no choice.
 *
 * @example Both forms nearly agree
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { gelu, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * for (const form of ["exact", "tanh"] as const) {
 *   using model = sequential(backend, { input: [1], layers: [gelu({ form })] });
 *   const [y] = await objective(model, squaredError()).predict([1]);
 *   assert(Math.abs(y - 0.8413) < 1e-3);
 * }
 * ```
 */
export function gelu(options: GeluOptions = {}): LayerSpec {
  const { form } = resolve("Cannot create gelu", options, geluSchema);
  return { ...activation(form === "exact" ? "gelu" : "geluTanh"), kind: "gelu", options: { form } };
}

/**
 * `y = x / (1 + exp(-x))`, also called swish (Hendrycks & Gimpel 2016; Ramachandran, Zoph & Le 2017).
 *
 * @example Like x where it is large, like 0 where it is small
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { objective, sequential, silu, softplus, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * for (const layer of [silu(), softplus()]) {
 *   using model = sequential(backend, { input: [2], layers: [layer] });
 *   const [low, high] = await objective(model, squaredError()).predict([-20, 20]);
 *   assert(Math.abs(low) < 1e-6 && Math.abs(high - 20) < 1e-5);
 * }
 * ```
 */
export function silu(): LayerSpec {
  return activation("silu");
}

/** `y = log(1 + exp x)`, a smooth form of `relu()` (Dugas et al. 2001). */
export function softplus(): LayerSpec {
  return activation("softplus");
}

/** Those whose derivative is a function of the output. */
const FROM_OUTPUT: ReadonlySet<Activation> = new Set<Activation>(["relu", "tanh", "sigmoid"]);

/** The layer of a nonlinearity given by name, for models that leave the choice to their caller. */
export function activation(kind: Activation): LayerSpec {
  return {
    kind,
    options: {},
    build(context: BuildContext): Layer {
      const { backend } = context;
      return functionLayer(context, {
        output: context.input,
        forward(x) {
          const y = backend.scratch(x.rows, x.cols);
          backend.activation(kind, y, x);
          return { outputs: y, kept: FROM_OUTPUT.has(kind) ? y : x };
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
