/**
 * The TEKFAC optimizer, this library's reason to exist.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { choice, optional, type SchemaOf } from "../core/schema.ts";
import { TekfacBlock, type TekfacBlockOptions } from "../curvature/blocks/tekfac.ts";
import { mixed, traceKeeping } from "../curvature/fisher.ts";
import { measuredOptimizer, type MeasuredOptions, measuredSchema } from "./measured.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode tekfac}. */
export interface TekfacOptions extends MeasuredOptions {
  /**
   * Whose eigenvectors the bases are: of the paper's factors, which keep the trace of the Fisher; of a mixture of
   * them with EKFAC's, by the effective share of the examples (docs/MATH.md, 2.14); or, `exact`, of convolutions the
   * partial traces of the Fisher itself, which takes N dOut dIn' numbers while it observes N examples.
   * @default {"traceKeeping"}
   */
  readonly factors?: NonNullable<TekfacBlockOptions["factors"]>;
}

/**
 * TEKFAC (Gao et al. 2020, arXiv 2011.13609): `U = Q_Psi [(Q_Psi^T G Q_Phi) / (Theta + lambda)] Q_Phi^T`
 * (eq. 3.9), with the eigenbasis of factors that keep the Fisher's trace, and eigenvalues measured in it.
 *
 * Defaults (docs/CHOOSING.md): 16 directions a side with exact traces, Gauss-Newton curvature of an eighth of
 * the batch every second step, and a step whose length follows from the curvature measured along it, so that
 * nothing depends on the unit of the loss. For a run of known length add `annealing: cosine(steps)`. The paper's
 * own algorithm is `preset: "paper"`.
 *
 * Limitations: see `TekfacBlock`.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode MeasuredOptions}.
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
  return measuredOptimizer(objective, options, {
    method: "tekfac",
    statistic: ({ factors, group }) => {
      if (factors !== "mixed") return traceKeeping;
      if (group === undefined || group.size === 1) return mixed;
      const expectation =
        "must be 'traceKeeping' in a group: how far factors are mixed follows from the batch as a whole";
      throw new OptionError("Cannot create TEKFAC", "factors", expectation, factors);
    },
    exact: ({ factors }) => factors === "exact",
    schema: tekfacSchema,
    createFull: (backend, parameter, shared, { factors }) =>
      new TekfacBlock(backend, parameter, { ...shared, factors }),
  });
}

/** What its options take. */
export const tekfacSchema = {
  ...measuredSchema,
  factors: optional(
    choice<NonNullable<TekfacOptions["factors"]>>("traceKeeping", "mixed", "exact"),
    "traceKeeping",
  ),
} satisfies SchemaOf<TekfacOptions>;
