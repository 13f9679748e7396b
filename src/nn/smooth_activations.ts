/**
 * Elementwise nonlinearities without a kink, whose derivatives are functions of the input. Each takes any shape
 * and gives the same one.
 *
 * @module
 */

import type { Activation } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { choice, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { elementwise } from "./activations.ts";
import type { LayerSpec } from "./module.ts";

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
  return { ...smooth(form === "exact" ? "gelu" : "geluTanh"), kind: "gelu", options: { form } };
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
  return smooth("silu");
}

/** `y = log(1 + exp x)`, a smooth form of `relu()` (Dugas et al. 2001). */
export function softplus(): LayerSpec {
  return smooth("softplus");
}

function smooth(kind: Activation): LayerSpec {
  return elementwise(kind, "inputs", (backend) => backend.extend(sequenceVerbs));
}
