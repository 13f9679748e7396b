/**
 * The TKFAC optimizer.
 *
 * @module
 */

import { TkfacBlock } from "../curvature/blocks/tkfac.ts";
import { kroneckerOptimizer } from "./kronecker.ts";
import { factoredSchema, type KroneckerOptions, resolveKronecker } from "./kronecker_options.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode tkfac}. */
export interface TkfacOptions extends KroneckerOptions {
  /** Split the damping over the factors, or add it to the products of eigenvalues. @default {"factored"} */
  readonly split?: "factored" | "exact";
}

/**
 * TKFAC (Gao et al. 2021): `U = Psi^^-1 G Phi^^-1` with `Phi^ = sqrt(delta) Phi + sqrt(lambda) I`, `Psi^`
 * alike (eq. 5.15).
 *
 * Limitations: see `TkfacBlock`.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode KroneckerOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, squaredError, tkfac } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = tkfac(objective(model, squaredError()), { split: "exact" });
 * const { layers } = optimizer.stepSync({ inputs: [1, 2, 3, 5], targets: [1, 2] });
 * assert.equal(layers[0].block, "tkfac");
 * ```
 */
export function tkfac<B>(objective: Objective<B>, options: TkfacOptions = {}): Optimizer<B> {
  const subject = "Cannot create TKFAC";
  const resolved = resolveKronecker(subject, objective, options, factoredSchema, () => true);
  return kroneckerOptimizer(subject, objective, resolved, {
    method: "tkfac",
    create: (backend, parameter, shared) =>
      new TkfacBlock(backend, parameter, { ...shared, split: resolved.split }),
  });
}
