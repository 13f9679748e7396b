/**
 * The options every optimizer has: how a direction becomes a step.
 *
 * @module
 */

import { type Schedule, valueAt } from "../core/schedule.ts";
import {
  flag,
  isRecord,
  maybe,
  number,
  off,
  optional,
  type Rule,
  schedule,
  where,
} from "../core/schema.ts";
import type { Group } from "../distributed/group.ts";
import { averageRule, type WeightAverage } from "./average.ts";
import { groupsRule, type ParameterGroup, type ResolvedGroup } from "./groups.ts";
import { type KlClip, klClipRule } from "./transforms/kl_clip.ts";
import { type Momentum, momentumRule } from "./transforms/momentum.ts";
import { type WeightDecay, weightDecayRule } from "./transforms/weight_decay.ts";

/** How a direction becomes a step. Defaults differ between optimizers; see each one. */
export interface StepOptions {
  /** Factor of the update, >= 0. Where a KL clip binds, it is only a cap. */
  readonly learningRate?: Schedule;
  /**
   * Multiplies the update after the clip, so that it takes effect even where the clip binds;
   * `cosine(steps)` is a good choice for a run of known length. @default {1}
   */
  readonly annealing?: Schedule;
  /**
   * Steps to and fro after which steps are `1 / sqrt(2)` as long, > 0; or `false`. Needs momentum on the gradient, else
   * it does nothing. See `Settling`.
   */
  readonly settling?: number | false;
  /**
   * Momentum on the gradient or on the update, or `false`. A number alone is one on the gradient where there are
   * curvature blocks, else on the update.
   */
  readonly momentum?: Momentum | Schedule | false;
  /** Bound on how far a step moves the predictions, or `false`. */
  readonly klClip?: KlClip | false;
  /**
   * Bound on how far a step moves the weights: the sum over layers of `|dW_l| / |W_l|` is at most this, > 0; or
   * `false` (Bernstein et al. 2020, deep relative trust: the layers' changes multiply).
   */
  readonly relativeChange?: Schedule | false;
  /**
   * Gradients of a step are scaled down where they are more than this many times what is usual, > 1; or `false`.
   * See `GradientClip`.
   */
  readonly gradientClip?: number | false;
  /**
   * Gradients of a step are multiplied by `min(1, this / |G|)`, > 0, `|G|` being the norm of all of them as one vector
   * (Pascanu et al. 2013); or `false`. With `gradientClip` the smaller of the two factors counts. @default {false}
   */
  readonly gradientNormClip?: Schedule | false;
  /**
   * Whether a step that more than doubles the loss is taken back; see `StepCheck`. Not on a GPU, where it would
   * take a readback in every step, and not for models that live elsewhere.
   */
  readonly takeBack?: boolean;
  /** Weight decay, or `false`; a number alone is decoupled. */
  readonly weightDecay?: WeightDecay | Schedule | false;
  /** Parameters with settings of their own; the first group that takes a parameter wins. @default {[]} */
  readonly groups?: readonly ParameterGroup[];
  /**
   * Average of the weights over the steps, for `Optimizer.withAverage`: `exponentialAverage(...)`, or
   * `scheduleFree(...)`, which excludes `takeBack`; or `false`. @default {false}
   */
  readonly average?: WeightAverage | false;
  /** Seed of sampled labels (Monte-Carlo Fisher). @default {0} */
  readonly seed?: number;
  /**
   * Ranks that train one model together, of `@tekfac/tekfac/distributed`: each gives its steps a part of the batch, and
   * all take the step of the joined batch. Not owned. @default {this one alone}
   */
  readonly group?: Group;
}

/**
 * What they take.
 *
 * @param momentumOn What a number alone as momentum is meant for.
 */
export function stepSchema(momentumOn: Momentum["on"]): StepSchema {
  return {
    learningRate: schedule({ min: 0 }),
    annealing: optional(schedule({ min: 0 }), 1),
    settling: optional(off(number({ above: 0 })), false),
    momentum: optional(momentumRule(momentumOn), false),
    klClip: optional(klClipRule, false),
    relativeChange: optional(off(schedule({ above: 0 })), false),
    gradientClip: optional(off(number({ above: 1 })), false),
    gradientNormClip: optional(off(schedule({ above: 0 })), false),
    takeBack: optional(flag, false),
    weightDecay: optional(weightDecayRule, false),
    groups: groupsRule({}),
    average: optional(averageRule, false),
    seed: optional(number(), 0),
    group: maybe(where("a group of @tekfac/tekfac/distributed", isGroup)),
  };
}

/** A rule for every option. */
export type StepSchema = {
  readonly [K in keyof ResolvedStepOptions]: Rule<ResolvedStepOptions[K]>;
};

/** Checked and complete {@linkcode StepOptions}. */
export interface ResolvedStepOptions {
  /** See {@linkcode StepOptions.learningRate}. */
  readonly learningRate: Schedule;
  /** See {@linkcode StepOptions.annealing}. */
  readonly annealing: Schedule;
  /** See {@linkcode StepOptions.settling}. */
  readonly settling: number | false;
  /** See {@linkcode StepOptions.momentum}. */
  readonly momentum: Momentum | false;
  /** See {@linkcode StepOptions.klClip}. */
  readonly klClip: KlClip | false;
  /** See {@linkcode StepOptions.relativeChange}. */
  readonly relativeChange: Schedule | false;
  /** See {@linkcode StepOptions.gradientClip}. */
  readonly gradientClip: number | false;
  /** See {@linkcode StepOptions.gradientNormClip}. */
  readonly gradientNormClip: Schedule | false;
  /** See {@linkcode StepOptions.takeBack}. */
  readonly takeBack: boolean;
  /** See {@linkcode StepOptions.weightDecay}. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** See {@linkcode StepOptions.groups}. */
  readonly groups: readonly ResolvedGroup[];
  /** See {@linkcode StepOptions.average}. */
  readonly average: WeightAverage | false;
  /** See {@linkcode StepOptions.seed}. */
  readonly seed: number;
  /** See {@linkcode StepOptions.group}. */
  readonly group: Group | undefined;
}

function isGroup(value: unknown): value is Group {
  return isRecord(value) && typeof value.allReduce === "function";
}

/** Length of a step along its clipped directions: learning rate times annealing. */
export function lengthOf(
  { learningRate, annealing }: Pick<ResolvedStepOptions, "learningRate" | "annealing">,
  step: number,
): number {
  return valueAt(learningRate, step) * valueAt(annealing, step);
}
