/**
 * Schedule-free AdamW.
 *
 * @module
 */

import { optional, resolve, type SchemaOf } from "../core/schema.ts";
import { type AdamGroup, adamOptimizer, type AdamOptions, adamSchema } from "./adam.ts";
import { groupsRule } from "./groups.ts";
import { checkObjective, type Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import { scheduleFree, scheduleFreeSchema } from "./schedule_free.ts";

/** Options of {@linkcode scheduleFreeAdam}. */
export interface ScheduleFreeAdamOptions
  extends Omit<AdamOptions, "average" | "beta1" | "groups" | "takeBack"> {
  /** Where between Z and X gradients are taken, in (0, 1]. @default {0.9} */
  readonly beta1?: number;
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly Omit<AdamGroup, "beta1">[];
}

const { average: _, takeBack: __, ...adamRules } = adamSchema;

/** What its options take. */
export const scheduleFreeAdamSchema = {
  ...adamRules,
  learningRate: optional(adamRules.learningRate, 2.5e-3),
  beta1: scheduleFreeSchema.beta,
  groups: groupsRule({ beta2: adamRules.beta2, epsilon: adamRules.epsilon }),
} satisfies SchemaOf<ScheduleFreeAdamOptions>;

/**
 * Schedule-free AdamW (Defazio et al. 2024, arXiv 2405.15682, alg. 1): Adam without a first moment, whose steps go
 * from Z, gradients being taken at `Y = (1 - beta1) Z + beta1 X` and X being the average of Z. It is
 * `adam(objective, { beta1: 0, average: scheduleFree({ beta: beta1 }) })`; any optimizer can have that
 * average.
 *
 * The weights in the model are Y; X is what to evaluate and to keep, by `optimizer.withAverage(...)`. Normalisations'
 * running moments are those of Y. Decoupled decay is `Z <- Z - rate value Y`.
 *
 * Defaults, the authors': learning rate 2.5e-3, beta1 0.9, beta2 0.999, no clip. `annealing: warmup(steps)` is
 * advised, for the first 5 % of a run or so; nothing has to fall to 0 at its end.
 *
 * @param objective The model and its loss.
 * @param options See {@linkcode ScheduleFreeAdamOptions}.
 * @returns An optimizer; the caller disposes it.
 * @throws {OptionError} On an unknown option or a value outside its range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, scheduleFreeAdam, sequential, squaredError } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * using optimizer = scheduleFreeAdam(goal, { learningRate: 0.1 });
 * const batch = { inputs: [-1, 1], targets: [1, 3] };
 * for (let i = 0; i < 400; i++) optimizer.stepSync(batch);
 * const { loss } = await optimizer.withAverage(() => goal.evaluate(batch));
 * assert(loss < 1e-2); // y = x + 2
 * ```
 */
export function scheduleFreeAdam<B>(
  objective: Objective<B>,
  options: ScheduleFreeAdamOptions = {},
): Optimizer<B> {
  const subject = "Cannot create schedule-free Adam";
  checkObjective(subject, objective);
  const { beta1, ...rest } = resolve(subject, options, scheduleFreeAdamSchema);
  const average = scheduleFree({ beta: beta1 });
  return adamOptimizer(objective, { ...rest, beta1: 0, average, takeBack: false });
}
