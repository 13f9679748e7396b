/**
 * The EKFAC optimizer.
 *
 * @module
 */

import { checkChoice } from "../core/options.ts";
import { EkfacBlock } from "../curvature/blocks/ekfac.ts";
import { checkExponent, kroneckerOptimizer, type KroneckerOptions } from "./kronecker.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode ekfac}. */
export interface EkfacOptions extends KroneckerOptions {
  /** p of `(s* + lambda)^-p`, in (0, 1]; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
  /** From per-example gradients, or from squares of the mean gradient. @default {"perExample"} */
  readonly eigenvaluesFrom?: "perExample" | "runningAverage";
}

/**
 * EKFAC (George et al. 2018): `U = U_B [(U_B^T G U_A) / (s* + lambda)] U_A^T`.
 *
 * Limitations: see `EkfacBlock`.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode EkfacOptions} and {@linkcode KroneckerOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, ekfac, objective, sequential, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = ekfac(objective(model, squaredError()), { eigenvaluesFrom: "runningAverage" });
 * const { layers } = optimizer.stepSync({ inputs: [1, 2, 3, 5], targets: [1, 2] });
 * assert.equal(layers[0].block, "ekfac");
 * ```
 */
export function ekfac<B>(objective: Objective<B>, options: EkfacOptions = {}): Optimizer<B> {
  const subject = "Cannot create EKFAC";
  const { exponent = 1, eigenvaluesFrom = "perExample" } = options;
  checkExponent(subject, exponent, options);
  checkChoice(subject, "eigenvaluesFrom", eigenvaluesFrom, ["perExample", "runningAverage"]);
  return kroneckerOptimizer(
    "ekfac",
    objective,
    options,
    ["exponent", "eigenvaluesFrom"],
    (backend, parameter, shared) =>
      new EkfacBlock(backend, parameter, {
        ...shared,
        exponent,
        eigenvaluesFrom,
      }),
  );
}
