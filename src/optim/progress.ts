/**
 * The state of an optimizer that is not numbers of matrices: what a checkpoint keeps in words, and what
 * goes back together with the matrices.
 *
 * @module
 */

import type { Random } from "../core/random.ts";
import type { Freezing } from "./freezing.ts";
import type { Objective } from "./objective.ts";
import type { Counters, Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";
import type { MomentumState } from "./transforms/momentum.ts";

/** What of an optimizer has a memory that is not in matrices. */
export interface Progressing {
  /** Counts passes, where it draws. */
  readonly objective: Pick<Objective<never>, "passes">;
  /** Has counters, and perhaps work under way. */
  readonly preconditioner: Pick<Preconditioner, "settle" | "counters" | "restore">;
  /** Has a weight. */
  readonly momentum: Pick<MomentumState, "weight">;
  /** Source of sampled labels. */
  readonly random: Random;
  /** Have counters, and perhaps an average that is in use. */
  readonly rules: Pick<StepRules, "average" | "stepCheck" | "counters" | "restore">;
  /** Knows which layers are frozen. */
  readonly freezing: Freezing;
  /** Steps taken. */
  stepCount: number;
}

/** Plain JSON. */
export interface Progress {
  /** Steps taken. */
  readonly step: number;
  /** See `MomentumState.weight`. */
  readonly momentumWeight: number;
  /** State of the source of sampled labels. */
  readonly random: readonly number[];
  /** Of the preconditioner. */
  readonly counters: Counters;
  /** Of the rules of a step. */
  readonly rules: Counters;
  /** Layers that were frozen; `undefined` before the first step. */
  readonly frozen?: readonly string[] | undefined;
  /** Of the objective, where it counts them. */
  readonly passes?: number | undefined;
}

/** Finishes what is under way, so that all other state is in the matrices, and says where things stand. */
export function settledProgress(optimizer: Progressing): Progress {
  const { preconditioner, rules, stepCount } = optimizer;
  rules.average?.checkOutside("Cannot save a state");
  preconditioner.settle?.(stepCount);
  return progressOf(optimizer);
}

/** Where things stand, whatever is under way. */
export function progressOf(optimizer: Progressing): Progress {
  const { momentum, preconditioner, objective, random, rules, stepCount: step } = optimizer;
  return {
    step,
    momentumWeight: momentum.weight,
    random: random.save(),
    counters: preconditioner.counters?.() ?? {},
    rules: rules.counters(),
    frozen: optimizer.freezing.frozen,
    passes: objective.passes,
  };
}

/**
 * Goes to where things stood; the matrices have to be overwritten then.
 *
 * @throws {StateError} When it is damaged. Nothing is changed then.
 */
export function resume(optimizer: Progressing, progress: Progress): void {
  const { momentum, preconditioner, objective, random, rules } = optimizer;
  preconditioner.settle?.(optimizer.stepCount);
  // Each refuses damaged numbers before it changes anything.
  random.restore(progress.random);
  rules.restore(progress.rules ?? {});
  preconditioner.restore?.(progress.counters);
  momentum.weight = progress.momentumWeight;
  optimizer.stepCount = progress.step;
  optimizer.freezing.frozen = progress.frozen;
  if (objective.passes !== undefined) objective.passes = progress.passes ?? 0;
}
