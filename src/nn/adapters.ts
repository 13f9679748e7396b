/**
 * Adapters of low rank for a model that has been trained.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { columnsOf } from "../core/matrix.ts";
import { checkKnownKeys } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { lecunNormal } from "./init.ts";
import type { Layer } from "./module.ts";
import { rebuilt } from "./rebuild.ts";
import type { Sequential } from "./sequential.ts";
import { writeWeights } from "./weights.ts";

/** Options of {@linkcode addAdapters}. */
export interface AdapterOptions {
  /** r, the rank of each correction, >= 1. */
  readonly rank: number;
  /** Corrections are multiplied by alpha / r, > 0. @default {the rank: by 1} */
  readonly alpha?: number;
  /** Names of the dense layers that get one. @default {all} */
  readonly layers?: readonly string[];
  /** Seed of the initial A. @default {0} */
  readonly seed?: number;
}

/**
 * The same model with an adapter, `lora`, for dense layers, those in residual blocks too (the projections of attention
 * have none); everything else is frozen. It predicts what the model does until the adapters are trained.
 *
 * @param model Stays as it is.
 * @returns A new model on the same backend; the caller disposes both.
 * @throws {OptionError} When an option is unknown or outside its range, or a layer is no dense one of the model.
 * @throws {StateError} When a layer cannot be described (a custom one).
 *
 * @example Another task for a trained network, and one file of it
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { addAdapters, dense, mergeAdapters, objective, relu, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { tekfac } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * const layers = [dense(16), relu(), dense(1)];
 * using base = sequential(backend, { input: [2], layers, seed: 1 }); // as if it had been trained
 * using adapted = addAdapters(base, { rank: 1 });
 * const goal = objective(adapted, squaredError());
 * using optimizer = tekfac(goal);
 * const batch = { inputs: [1, 0, 0, 1], targets: [3, -2] };
 * for (let step = 0; step < 100; step++) optimizer.stepSync(batch);
 *
 * using merged = mergeAdapters(adapted); // dense layers again, for saveModel or toOnnx
 * const [first] = objective(merged, squaredError()).predictSync([1, 0]);
 * assert(Math.abs(first - goal.predictSync([1, 0])[0]) < 1e-4);
 * assert(Math.abs(first - 3) < 0.1);
 * ```
 */
export function addAdapters(model: Sequential, options: AdapterOptions): Sequential {
  const subject = "Cannot add adapters";
  checkKnownKeys(subject, options, ["rank", "alpha", "layers", "seed"]);
  const { rank, alpha = rank, layers, seed = 0 } = options;
  const { backend } = model;
  const found: string[] = [];
  const random = new Random(seed);
  return backend.building(() => {
    const result = rebuilt(model, {
      subject,
      edit(description, _, { name }) {
        if (description.kind !== "dense" || layers?.includes(name) === false) return description;
        found.push(name);
        return { ...description, kind: "lora", options: { ...description.options, rank, alpha } };
      },
      copy(from, to) {
        if (from.parameter === undefined || to.layers === undefined) return false;
        const [base, a] = to.layers.map((layer) => layer.parameter!);
        backend.axpby(base.value, 1, from.parameter.value, 0);
        const { rows, cols } = a.value;
        const fan = { in: cols, out: rows };
        const draw = random.fork();
        writeWeights(
          backend,
          a,
          Float64Array.from({ length: rows * cols }, () => lecunNormal(fan, draw)),
        );
        return true;
      },
    });
    result.freeze(({ name }) => !/^lora\d+\.[ab]$/.test(name));
    const unknown = layers?.find((name) => !found.includes(name));
    if (unknown === undefined && found.length > 0) return result;
    throw new OptionError(
      subject,
      "layers",
      "must name dense layers of the model",
      unknown ?? layers,
    );
  });
}

/**
 * The same model with dense layers in the place of its adapters: `W + (alpha / r) B A`. It predicts the same, to
 * rounding.
 *
 * @param model Stays as it is.
 * @returns A new model on the same backend, nothing of which is frozen but what was so besides adapters; the caller
 * disposes both.
 * @throws {StateError} When a layer cannot be described (a custom one).
 */
export function mergeAdapters(model: Sequential): Sequential {
  const { backend } = model;
  const scales = new Map<Layer, number>();
  return rebuilt(model, {
    subject: "Cannot merge adapters",
    edit(description, _, layer) {
      if (description.kind !== "lora") return description;
      const { rank, alpha, ...options } = description.options as { rank: number; alpha: number };
      scales.set(layer, alpha / rank);
      return { ...description, kind: "dense", options };
    },
    copy(from, to) {
      const scale = scales.get(from);
      if (scale === undefined) return false;
      const [base, a, b] = from.layers!.map((layer) => layer.parameter!.value);
      const weights = to.parameter!.value;
      backend.axpby(weights, 1, base, 0);
      backend.gemm(columnsOf(weights, 0, a.cols), b, a, { alpha: scale, beta: 1 });
      return true;
    },
  });
}
