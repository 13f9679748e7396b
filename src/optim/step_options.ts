/**
 * The options every optimizer has: how a direction becomes a step.
 *
 * @module
 */

import { checkFlag, checkNumber, checkSchedule } from "../core/options.ts";
import type { Schedule } from "../core/schedule.ts";
import { OptionError } from "../core/errors.ts";
import type { WeightAverage } from "./average.ts";
import { type KlClip, resolveKlClip } from "./transforms/kl_clip.ts";
import { type Momentum, resolveMomentum } from "./transforms/momentum.ts";
import { resolveWeightDecay, type WeightDecay } from "./transforms/weight_decay.ts";

/** How a direction becomes a step. Defaults differ between optimizers; see each one. */
export interface StepOptions {
  /** Factor of the update, >= 0. Where a KL clip binds, it is only a cap. */
  readonly learningRate?: Schedule;
  /**
   * Multiplies the update after the clip, so that it takes effect even where the clip binds;
   * `cosine(steps)` is a good choice for a run of known length. @default {1}
   */
  readonly annealing?: Schedule;
  /** Momentum on the gradient or on the update, or `false`. */
  readonly momentum?: Momentum | false;
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
   * Whether a step that more than doubles the loss is taken back; see `StepCheck`. Not on a GPU, where it would
   * take a readback in every step, and not for models that live elsewhere.
   */
  readonly takeBack?: boolean;
  /** Weight decay, or `false`. @default {false} */
  readonly weightDecay?: WeightDecay | false;
  /**
   * Average of the weights over the steps, for `Optimizer.withAverage`: `exponentialAverage(...)`, or
   * `scheduleFree(...)`, which excludes `takeBack`; or `false`. @default {false}
   */
  readonly average?: WeightAverage | false;
  /** Seed of sampled labels (Monte-Carlo Fisher). @default {0} */
  readonly seed?: number;
}

/** Names of {@linkcode StepOptions}. */
export const stepOptionNames: readonly (keyof StepOptions)[] = [
  "learningRate",
  "annealing",
  "momentum",
  "klClip",
  "relativeChange",
  "gradientClip",
  "takeBack",
  "weightDecay",
  "average",
  "seed",
];

/** Checked and complete {@linkcode StepOptions}. */
export interface ResolvedStepOptions {
  /** See {@linkcode StepOptions.learningRate}. */
  readonly learningRate: Schedule;
  /** See {@linkcode StepOptions.annealing}. */
  readonly annealing: Schedule;
  /** See {@linkcode StepOptions.momentum}. */
  readonly momentum: Momentum | false;
  /** See {@linkcode StepOptions.klClip}. */
  readonly klClip: KlClip | false;
  /** See {@linkcode StepOptions.relativeChange}. */
  readonly relativeChange: Schedule | false;
  /** See {@linkcode StepOptions.gradientClip}. */
  readonly gradientClip: number | false;
  /** See {@linkcode StepOptions.takeBack}. */
  readonly takeBack: boolean;
  /** See {@linkcode StepOptions.weightDecay}. */
  readonly weightDecay: Required<WeightDecay> | false;
  /** See {@linkcode StepOptions.average}. */
  readonly average: WeightAverage | false;
  /** See {@linkcode StepOptions.seed}. */
  readonly seed: number;
}

/**
 * Checks step options and completes them.
 *
 * @param subject What was being done: `"Cannot create TEKFAC"`.
 * @param options The user's.
 * @param presets The optimizer's defaults.
 * @throws {OptionError} On a value outside its range.
 *
 * @example Defaults filled in
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveStepOptions } from "@tekfac/tekfac/optim";
 *
 * const presets = { learningRate: 0.1, momentum: false, klClip: false } as const;
 * const options = resolveStepOptions("Cannot create my optimizer", { seed: 7 }, presets);
 * assert.deepEqual([options.learningRate, options.annealing, options.seed], [0.1, 1, 7]);
 * ```
 */
export function resolveStepOptions(
  subject: string,
  options: StepOptions,
  presets:
    & Pick<ResolvedStepOptions, "learningRate" | "momentum" | "klClip">
    & Partial<Pick<ResolvedStepOptions, "relativeChange" | "gradientClip" | "takeBack">>,
): ResolvedStepOptions {
  const {
    learningRate = presets.learningRate,
    annealing = 1,
    momentum = presets.momentum,
    klClip = presets.klClip,
    relativeChange = presets.relativeChange ?? false,
    gradientClip = presets.gradientClip ?? false,
    takeBack = presets.takeBack ?? false,
    weightDecay = false,
    average = false,
    seed = 0,
  } = options;
  if (average !== false && typeof average?.create !== "function") {
    const expectation = "must be false, exponentialAverage({ decay }) or scheduleFree()";
    throw new OptionError(subject, "average", expectation, average);
  }
  if (average !== false && takeBack && !average.takesBack) {
    const expectation = `must be false where the average is '${average.kind}'`;
    throw new OptionError(subject, "takeBack", expectation, takeBack);
  }
  return Object.freeze({
    learningRate: checkSchedule(subject, "learningRate", learningRate, { min: 0 }),
    annealing: checkSchedule(subject, "annealing", annealing, { min: 0 }),
    momentum: resolveMomentum(subject, momentum),
    klClip: resolveKlClip(subject, klClip),
    relativeChange: relativeChange !== false &&
      checkSchedule(subject, "relativeChange", relativeChange, { above: 0 }),
    gradientClip: gradientClip !== false &&
      checkNumber(subject, "gradientClip", gradientClip, { above: 1 }),
    takeBack: checkFlag(subject, "takeBack", takeBack),
    weightDecay: resolveWeightDecay(subject, weightDecay),
    average,
    seed: checkNumber(subject, "seed", seed),
  });
}
