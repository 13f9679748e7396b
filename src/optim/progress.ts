/**
 * The state of an optimizer that is not numbers of matrices: what a checkpoint keeps in words, and what
 * goes back together with the matrices.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import { isRecord } from "../core/schema.ts";
import type { Freezing } from "./freezing.ts";
import type { Objective } from "./objective.ts";
import { type Counters, isCount } from "./counters.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";
import type { MomentumState } from "./transforms/momentum.ts";

/** What of an optimizer has a memory that is not in matrices. */
export interface Progressing {
  /** Counts passes, where it draws. */
  readonly objective: Pick<Objective<never>, "passes" | "parameters">;
  /** Has counters, and perhaps work under way. */
  readonly preconditioner: Pick<Preconditioner, "complete" | "counters" | "restore" | "restored">;
  /** Has a weight for each parameter. */
  readonly momentum: Pick<MomentumState, "weights">;
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
  /** See `MomentumState.weights`; one number where all are the same. */
  readonly momentumWeight: number | readonly number[];
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

/** Waits for what is under way, so that all other state is in matrices, and says where things stand. */
export function settledProgress(optimizer: Progressing): Progress {
  const { preconditioner, rules } = optimizer;
  rules.average?.checkOutside("Cannot save a state");
  preconditioner.complete?.();
  return progressOf(optimizer);
}

/** Where things stand, whatever is under way. */
export function progressOf(optimizer: Progressing): Progress {
  const { momentum, preconditioner, objective, random, rules, stepCount: step } = optimizer;
  return {
    step,
    momentumWeight: weightOf(momentum.weights),
    random: random.save(),
    counters: preconditioner.counters?.() ?? {},
    rules: rules.counters(),
    frozen: optimizer.freezing.frozen,
    passes: objective.passes,
  };
}

/**
 * Goes to where things stood.
 *
 * @param write Overwrites the matrices; called when nothing can fail any more. Left out where others do it later.
 * @throws {StateError} When it is damaged. Nothing is changed then.
 */
export function resume(optimizer: Progressing, progress: Progress, write?: () => void): void {
  const { momentum, preconditioner, objective, random, rules } = optimizer;
  checkProgress(progress, objective);
  const before = { random: random.save(), rules: rules.counters() };
  try {
    // Each refuses damaged numbers before it changes anything.
    random.restore(progress.random);
    rules.restore(progress.rules);
    preconditioner.restore?.(progress.counters);
  } catch (error) {
    random.restore(before.random);
    rules.restore(before.rules);
    throw error;
  }
  momentum.weights = momentum.weights.map((_, index) => weightAt(progress, index));
  optimizer.stepCount = progress.step;
  optimizer.freezing.frozen = progress.frozen;
  if (objective.passes !== undefined) objective.passes = progress.passes ?? 0;
  write?.();
  preconditioner.restored?.();
}

/**
 * Checks what can be checked without knowing the method.
 *
 * @throws {StateError} Names what is damaged.
 */
export function checkProgress(
  progress: unknown,
  { parameters }: Pick<Objective<never>, "parameters">,
): asserts progress is Progress {
  const expect = (holds: boolean, name: string, expected: string, value: unknown): void => {
    if (holds) return;
    const received = value === undefined ? "nothing" : JSON.stringify(value);
    throw new StateError(
      `Cannot go on from damaged progress: expected '${name}' to be ${expected}, received ${received}`,
    );
  };
  expect(isRecord(progress), "progress", "an object", progress);
  const { step, momentumWeight, counters, rules = {}, frozen = [], passes = 0 } =
    progress as Partial<
      Progress
    >;
  expect(isCount(step), "step", "an integer >= 0", step);
  const weights = Array.isArray(momentumWeight) ? momentumWeight : [momentumWeight];
  const enough = weights === momentumWeight ? weights.length === parameters.length : true;
  expect(
    enough && weights.every(isShare),
    "momentumWeight",
    "a number from 0 to 1, or one for each parameter",
    momentumWeight,
  );
  expect(isRecord(counters), "counters", "an object", counters);
  expect(isRecord(rules), "rules", "an object", rules);
  expect(isCount(passes), "passes", "an integer >= 0", passes);
  const names = parameters.map(({ name }) => name);
  const known = Array.isArray(frozen) && frozen.every((name) => names.includes(name));
  expect(known, "frozen", "names of parameters", frozen);
  const [since = 0] = Array.isArray(counters?.underway) ? counters.underway : [];
  expect(since <= step!, "underway", "begun before this step", since);
}

/** What stands for the weights of all parameters. */
function weightOf(weights: readonly number[]): number | readonly number[] {
  const [first = 0] = weights;
  return weights.every((weight) => weight === first) ? first : weights;
}

function weightAt({ momentumWeight }: Progress, index: number): number {
  return typeof momentumWeight === "number" ? momentumWeight : momentumWeight[index];
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}
