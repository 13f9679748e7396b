/**
 * Schedule-free AdamW.
 *
 * @module
 */

import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { adam, type AdamOptions } from "./adam.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import { scheduleFree } from "./schedule_free.ts";
import { stepOptionNames } from "./step_options.ts";

/** Options of {@linkcode scheduleFreeAdam}. `beta1` is where between Z and X gradients are taken, in (0, 1]. */
export type ScheduleFreeAdamOptions = Omit<AdamOptions, "average">;

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
  const known = stepOptionNames.filter((name) => name !== "momentum" && name !== "average");
  checkKnownKeys(subject, options, [...known, "beta1", "beta2", "epsilon"]);
  const { beta1 = 0.9, learningRate = 2.5e-3, ...rest } = options;
  const beta = checkNumber(subject, "beta1", beta1, { above: 0, max: 1 });
  const average = scheduleFree({ beta });
  return adam(objective, { ...rest, learningRate, beta1: 0, average });
}
