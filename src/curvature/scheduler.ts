/**
 * When what is due: statistics, bases and eigenvalues change slowly, so each is renewed at an interval
 * of its own (Gao et al. 2020, alg. 1: T_FIM, T_EIG, T_RE), after a dense start in which they are young.
 *
 * @module
 */

import {
  flag,
  isSchedule,
  number,
  off,
  optional,
  record,
  resolve,
  type Rule,
  schedule,
  shorthand,
  where,
} from "../core/schema.ts";
import { type Schedule, valueAt } from "../core/schedule.ts";

/** Steps between renewals. */
export interface Intervals {
  /** T_FIM: a batch enters the factors. @default {10} */
  readonly statistics?: Schedule;
  /** T_EIG: bases (or inverses) are computed from the factors. @default {100} */
  readonly basis?: Schedule;
  /** T_RE: a batch enters the corrected eigenvalues. @default {10} */
  readonly eigenvalues?: Schedule;
}

/** More frequent renewals at the beginning, when everything changes quickly. */
export interface DenseStart {
  /** Statistics and eigenvalues are renewed at each of this many first steps. @default {12} */
  readonly steps?: number;
  /** Steps at which bases are renewed besides their interval. @default {[0, 3, 10, 25, 50]} */
  readonly basisAt?: readonly number[];
}

/** A resolved plan of renewals. */
export interface RefreshPlan {
  /** See {@linkcode Intervals}. */
  readonly intervals: Required<Intervals>;
  /** See {@linkcode DenseStart}; `false` for none. */
  readonly denseStart: Required<DenseStart> | false;
  /** Whether the layers' bases are renewed at different steps, so that no step does all the work. */
  readonly staggered: boolean;
}

/**
 * Checks a plan and completes it.
 *
 * @throws {OptionError} On an unknown name, or an interval that is not an integer >= 1.
 */
export function resolvePlan(
  subject: string,
  input: {
    readonly intervals?: Intervals | Schedule;
    readonly denseStart?: DenseStart | false;
    readonly staggered?: boolean;
  },
  presets: Required<Intervals> = { statistics: 10, basis: 100, eigenvalues: 10 },
): RefreshPlan {
  return resolve(subject, input, planSchema, { intervals: presets });
}

const interval = schedule({ min: 1, integer: true });

function isStepList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((step) => Number.isInteger(step) && step >= 0);
}

/** What the options of a plan take. One number stands for all three intervals. */
export const planSchema: {
  readonly intervals: Rule<Required<Intervals>>;
  readonly denseStart: Rule<Required<DenseStart> | false>;
  readonly staggered: Rule<boolean>;
} = {
  intervals: shorthand(
    record({ statistics: interval, basis: interval, eigenvalues: interval }),
    interval.takes,
    (value) =>
      isSchedule(value) ? { statistics: value, basis: value, eigenvalues: value } : undefined,
  ),
  denseStart: optional(
    off(record({
      steps: optional(number({ min: 0, integer: true }), 12),
      basisAt: optional(where("integers >= 0 in a list", isStepList), [0, 3, 10, 25, 50]),
    })),
    {},
  ),
  staggered: optional(flag, false),
};

/** What is due in a step. */
export interface DueWork {
  /** Whether the batch enters the factors. */
  readonly statistics: boolean;
  /** Indices of the layers whose bases are renewed. */
  readonly bases: readonly number[];
  /** Whether the batch enters the corrected eigenvalues. */
  readonly eigenvalues: boolean;
}

/**
 * What is due at a step (counted from 0) for a model of `layers` layers. All is due at step 0.
 *
 * @example Bases of three layers every six steps, one layer at a time
 * ```ts
 * import assert from "node:assert/strict";
 * import { dueAt, resolvePlan } from "@tekfac/tekfac/curvature";
 *
 * const plan = resolvePlan("Cannot train", {
 *   intervals: { statistics: 2, basis: 6 },
 *   denseStart: false,
 *   staggered: true,
 * });
 * const due = [0, 1, 2, 3, 4, 5, 6].map((step) => dueAt(plan, step, 3));
 * assert.deepEqual(due.map(({ bases }) => bases), [[0, 1, 2], [], [2], [], [1], [], [0]]);
 * assert.deepEqual(due.map(({ statistics }) => +statistics), [1, 0, 1, 0, 1, 0, 1]);
 * ```
 */
export function dueAt(plan: RefreshPlan, step: number, layers: number): DueWork {
  const { intervals, denseStart, staggered } = plan;
  const early = denseStart !== false && step < denseStart.steps;
  const every = (interval: Schedule, shift = 0): boolean => {
    const period = Math.max(1, Math.round(valueAt(interval, step)));
    return (step + Math.floor(shift * period)) % period === 0;
  };
  const all = step === 0 || (denseStart !== false && denseStart.basisAt.includes(step));
  const bases: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    if (all || every(intervals.basis, staggered ? layer / layers : 0)) bases.push(layer);
  }
  return {
    statistics: early || every(intervals.statistics),
    bases,
    eigenvalues: early || every(intervals.eigenvalues),
  };
}
