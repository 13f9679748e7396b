/**
 * Stochastic gradient descent with momentum.
 *
 * @module
 */

import { optional, resolve, type SchemaOf } from "../core/schema.ts";
import { groupsRule, type ParameterGroup } from "./groups.ts";
import { checkObjective, type Objective } from "./objective.ts";
import { Optimizer } from "./optimizer.ts";
import { NoPreconditioner } from "./preconditioner.ts";
import { type StepOptions, stepSchema } from "./step_options.ts";

/** A group of {@linkcode sgd}. */
export interface SgdGroup extends ParameterGroup, Pick<StepOptions, "momentum"> {}

/** Options of {@linkcode sgd}. */
export interface SgdOptions extends StepOptions {
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly SgdGroup[];
}

/**
 * SGD: `V <- mu V + G`, `W <- W - lr V`; with `nesterov`, `W <- W - lr (G + mu V)` (Sutskever et al. 2013).
 *
 * Defaults: learning rate 0.1, momentum 0.9 on the update, no clip.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode SgdOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, sgd, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = sgd(objective(model, squaredError()), { learningRate: 0.3, momentum: false });
 * const batch = { inputs: new Float32Array([-1, 1]), targets: [1, 3] };
 * for (let i = 0; i < 50; i++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < 1e-9); // y = x + 2
 * ```
 */
export function sgd<B>(objective: Objective<B>, options: SgdOptions = {}): Optimizer<B> {
  const subject = "Cannot create SGD";
  checkObjective(subject, objective);
  const resolved = resolve(subject, options, sgdSchema);
  return objective.backend.building(() =>
    new Optimizer(objective, new NoPreconditioner(), resolved)
  );
}

const stepRules = stepSchema("update");

/** What its options take. */
export const sgdSchema = {
  ...stepRules,
  learningRate: optional(stepRules.learningRate, 0.1),
  momentum: optional(stepRules.momentum, { on: "update", value: 0.9 }),
  groups: groupsRule({ momentum: stepRules.momentum }),
} satisfies SchemaOf<SgdOptions>;
