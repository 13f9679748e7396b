/**
 * The KFAC optimizer.
 *
 * @module
 */

import { KfacBlock } from "../curvature/blocks/kfac.ts";
import { kroneckerOptimizer } from "./kronecker.ts";
import { factoredSchema, type KroneckerOptions, resolveKronecker } from "./kronecker_options.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode kfac}. */
export interface KfacOptions extends KroneckerOptions {
  /** Split the damping over the factors, or add it to the products of eigenvalues. @default {"factored"} */
  readonly split?: "factored" | "exact";
}

/**
 * KFAC (Martens & Grosse 2015): `U = (B + sqrt(lambda)/pi I)^-1 G (A + pi sqrt(lambda) I)^-1`.
 *
 * Limitations: see `KfacBlock`. Where each step is expensive, {@linkcode tekfac} is the better choice.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode KroneckerOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, kfac, objective, sequential, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = kfac(objective(model, squaredError()), { damping: { kind: "absolute", lambda: 0.1 } });
 * const { layers } = optimizer.stepSync({ inputs: [1, 2, 3, 5], targets: [1, 2] });
 * assert.equal(layers[0].block, "kfac");
 * ```
 */
export function kfac<B>(objective: Objective<B>, options: KfacOptions = {}): Optimizer<B> {
  const subject = "Cannot create KFAC";
  const resolved = resolveKronecker(subject, objective, options, factoredSchema, () => true);
  return kroneckerOptimizer(subject, objective, resolved, {
    method: "kfac",
    create: (backend, parameter, shared) =>
      new KfacBlock(backend, parameter, { ...shared, split: resolved.split }),
  });
}
