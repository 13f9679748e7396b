/**
 * The TEKFAC optimizer, this library's reason to exist.
 *
 * @module
 */

import { checkChoice } from "../core/options.ts";
import { TekfacBlock } from "../curvature/blocks/tekfac.ts";
import { checkExponent, kroneckerOptimizer, type KroneckerOptions } from "./kronecker.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode tekfac}. */
export interface TekfacOptions extends KroneckerOptions {
  /** p of `(Theta + lambda)^-p`, in (0, 1]; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/**
 * TEKFAC (Gao et al. 2020, arXiv 2011.13609): `U = Q_Psi [(Q_Psi^T G Q_Phi) / (Theta + lambda)] Q_Phi^T`
 * (eq. 3.9), with the eigenbasis of factors that keep the Fisher's trace, and eigenvalues measured in it.
 *
 * Defaults: relative damping that starts at tau 1 and is adapted; momentum 0.9 on the gradient; KL clip
 * at 1e-2 times the loss; learning rate 1, which then is only a cap; averages 0.95; statistics, bases and
 * eigenvalues every 10, 100 and 10 steps after a dense start. For a run of known length add `annealing: cosine(steps)`.
 *
 * Limitations: see `TekfacBlock`.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode TekfacOptions} and {@linkcode KroneckerOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, squaredError, tekfac } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()), { damping: { kind: "relative", tau: 0.3 } });
 * const { layers } = optimizer.stepSync({ inputs: [1, 2, 3, 5], targets: [1, 2] });
 * assert.equal(layers[0].block, "tekfac");
 * ```
 */
export function tekfac<B>(objective: Objective<B>, options: TekfacOptions = {}): Optimizer<B> {
  const { exponent = 1 } = options;
  const subject = "Cannot create TEKFAC";
  checkExponent(subject, exponent, options);
  return kroneckerOptimizer(
    "tekfac",
    objective,
    options,
    ["exponent"],
    (backend, parameter, shared) =>
      new TekfacBlock(backend, parameter, { ...shared, exponent }),
  );
}
