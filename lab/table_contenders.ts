/**
 * Who is compared on tables, and which learning rates each may try.
 *
 * @module
 */

import type { BatchLike, ModelObjective } from "@tekfac/tekfac/nn";
import {
  adam,
  exponentialAverage,
  type Optimizer,
  type OptimizerName,
  optimizers,
  type StepOptions,
} from "@tekfac/tekfac/optim";

/** An optimizer, or AdamW evaluated and kept by an exponential average of its weights. */
export type ContenderName = OptimizerName | "adamw+ema";

/** Those that are compared where nobody says who. */
export const contenderNames: readonly ContenderName[] = [
  "tekfac",
  "sgd",
  "adam",
  "adamw+ema",
  "soap",
  "muon",
  "ekfac",
  "kfac",
];

/** What every optimizer of a training is given. */
type Shared = Pick<StepOptions, "annealing" | "seed">;

/** Decoupled weight decay per step of rate 1: what AdamW's authors and most libraries begin with. */
const WEIGHT_DECAY = 1e-2;

/** Weight of the past in the average: a memory of a hundred steps, some epochs of a small table. */
const AVERAGE = 0.99;

/** Learning rates that are tried, in units of the default. */
const FACTORS = [1 / 3, 1, 3] as const;

/** Of Adam, whose default is meant for larger networks and longer trainings than those of tables. */
const ADAM_FACTORS = [1, 3, 10] as const;

/** Factors of the learning rate that a contender may try. TEKFAC keeps its defaults. */
export function factorsOf(name: ContenderName): readonly number[] {
  if (name === "tekfac") return [1];
  return name === "adam" || name === "adamw+ema" ? ADAM_FACTORS : FACTORS;
}

/** Makes a contender with its default learning rate times a factor. */
export function createContender(
  name: ContenderName,
  factor: number,
  goal: ModelObjective,
  shared: Shared,
): Optimizer<BatchLike> {
  const create = (options: Shared & Pick<StepOptions, "learningRate">): Optimizer<BatchLike> => {
    if (name !== "adamw+ema") return optimizers[name](goal, options);
    const average = exponentialAverage({ decay: AVERAGE });
    return adam(goal, { ...options, weightDecay: WEIGHT_DECAY, average });
  };
  if (factor === 1) return create(shared);
  const usual = create(shared);
  const { learningRate } = usual.options;
  usual[Symbol.dispose]();
  const rate = typeof learningRate === "number" ? () => learningRate : learningRate;
  return create({ ...shared, learningRate: (step) => factor * rate(step) });
}
