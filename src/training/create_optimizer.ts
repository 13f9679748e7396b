/**
 * The optimizer of a job, by its name.
 *
 * @module
 */

import type { BatchLike } from "../nn/batch.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { type OptimizerName, optimizers, type OptimizerSettings } from "../optim/optimizers.ts";
import type { StepOptions } from "../optim/step_options.ts";

/** Generic in the name, so that an optimizer and its options are known to belong together. */
export function createOptimizer<Name extends OptimizerName>(
  goal: ModelObjective,
  name: Name,
  settings: OptimizerSettings,
  shared: Pick<StepOptions, "annealing" | "seed" | "group">,
): Optimizer<BatchLike> {
  return optimizers[name](goal, { ...shared, ...settings[name] });
}
