/**
 * The state of an optimizer that is not numbers of matrices: what a checkpoint keeps in words, and what
 * goes back together with the matrices.
 *
 * @module
 */

import type { Random } from "../core/random.ts";
import type { Counters, Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";

/** What of an optimizer moves on with each step besides matrices. */
interface Moving {
  readonly momentum: { weight: number };
  readonly preconditioner: Pick<Preconditioner, "counters" | "restore" | "settle">;
  readonly objective: { passes?: number };
  readonly random: Random;
  readonly rules: StepRules;
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
  /** Of the objective, where it counts them. */
  readonly passes?: number | undefined;
}

/** Finishes what is under way, so that all other state is in the matrices, and says where things stand. */
export function settledProgress(optimizer: Moving): Progress {
  const { momentum, preconditioner, objective, random, rules, stepCount: step } = optimizer;
  rules.average?.checkOutside("Cannot save a state");
  preconditioner.settle(step);
  return {
    step,
    momentumWeight: momentum.weight,
    random: random.save(),
    counters: preconditioner.counters(),
    rules: rules.counters(),
    passes: objective.passes,
  };
}

/**
 * Goes to where things stood; the matrices have to be overwritten then.
 *
 * @throws {StateError} When it is damaged. Nothing is changed then.
 */
export function resume(optimizer: Moving, progress: Progress): void {
  const { momentum, preconditioner, objective, random, rules } = optimizer;
  preconditioner.settle(optimizer.stepCount);
  // Each refuses damaged numbers before it changes anything.
  random.restore(progress.random);
  rules.restore(progress.rules ?? {});
  preconditioner.restore(progress.counters);
  momentum.weight = progress.momentumWeight;
  optimizer.stepCount = progress.step;
  if (objective.passes !== undefined) objective.passes = progress.passes ?? 0;
}
