/**
 * The EKFAC optimizer.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { choice, isRecord, optional, type SchemaOf } from "../core/schema.ts";
import { EkfacBlock } from "../curvature/blocks/ekfac.ts";
import { independent } from "../curvature/fisher.ts";
import { measuredOptimizer, type MeasuredOptions, measuredSchema } from "./measured.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode ekfac}. */
export interface EkfacOptions extends MeasuredOptions {
  /** From per-example gradients, or (at full rank) from squares of the mean gradient. @default {"perExample"} */
  readonly eigenvaluesFrom?: "perExample" | "runningAverage";
}

/**
 * EKFAC (George et al. 2018): `U = U_B [(U_B^T G U_A) / (s* + lambda)] U_A^T`.
 *
 * Limitations: see `EkfacBlock`.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode EkfacOptions}.
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
  const running = isRecord(options) && options.eigenvaluesFrom === "runningAverage";
  if (running && options.rank !== undefined && options.rank !== "full") {
    const expectation = "must be 'full' where eigenvalues are measured from the mean gradient";
    throw new OptionError("Cannot create EKFAC", "rank", expectation, options.rank);
  }
  return measuredOptimizer(objective, running ? { ...options, rank: "full" } : options, {
    method: "ekfac",
    statistic: () => independent,
    schema: ekfacSchema,
    eigenvaluesFrom: running ? "gradient" : "captures",
    createFull: (backend, parameter, shared, { eigenvaluesFrom }) =>
      new EkfacBlock(backend, parameter, { ...shared, eigenvaluesFrom }),
  });
}

/** What its options take. */
export const ekfacSchema = {
  ...measuredSchema,
  eigenvaluesFrom: optional(choice("perExample", "runningAverage"), "perExample"),
} satisfies SchemaOf<EkfacOptions>;
