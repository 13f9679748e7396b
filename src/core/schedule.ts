/**
 * Numbers that may change during training.
 *
 * @module
 */

import { checkNumber } from "./options.ts";

/**
 * A number, or a function from the step (an integer counted from 0) to a number.
 * Every numeric hyperparameter of the optimizers accepts either.
 */
export type Schedule = number | ((step: number) => number);

/** The value of a schedule at a step. */
export function valueAt(schedule: Schedule, step: number): number {
  return typeof schedule === "number" ? schedule : schedule(step);
}

/**
 * Half a cosine from 1 at step 0 to `final` at step `steps`, constant afterwards:
 * `final + (1 - final) (1 + cos(pi step / steps)) / 2` (Loshchilov & Hutter 2017, eq. 5).
 *
 * @param steps Number of steps until the end of the descent, > 0.
 * @param final The last value. @default {0}
 * @throws {OptionError} When `steps` is not a finite number > 0, or `final` not one >= 0.
 */
export function cosine(steps: number, final = 0): (step: number) => number {
  checkNumber("Cannot make a cosine", "steps", steps, { above: 0 });
  checkNumber("Cannot make a cosine", "final", final, { min: 0 });
  return (step) =>
    final +
    (1 - final) * 0.5 * (1 + Math.cos(Math.PI * Math.min(Math.max(step, 0), steps) / steps));
}

/**
 * A staircase: `factor ** (number of milestones already reached)`.
 *
 * @param milestones Steps at which the value is multiplied by `factor`.
 * @param factor The factor. @default {0.1}
 * @throws {OptionError} When a milestone or the factor is not a finite number >= 0.
 */
export function stepwise(milestones: readonly number[], factor = 0.1): (step: number) => number {
  const subject = "Cannot make a staircase";
  for (const step of milestones) checkNumber(subject, "milestones", step, { min: 0 });
  checkNumber(subject, "factor", factor, { min: 0 });
  return (step) => factor ** milestones.filter((milestone) => step >= milestone).length;
}

/**
 * The given schedule, multiplied by a straight ramp `(step + 1) / steps` during the first steps, so that
 * step `steps - 1` is the first at full height. `warmup(500, cosine(10_000))` makes 10,000 steps in all.
 *
 * @param steps Length of the ramp, >= 0.
 * @param schedule What follows; counted from step 0 as well. @default {1}
 * @throws {OptionError} When `steps` is not a finite number >= 0.
 *
 * @example Schedules are functions of the step and can be multiplied
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { cosine, product, stepwise, valueAt, warmup } from "@tekfac/tekfac/core";
 *
 * const rate = product(0.1, warmup(10, cosine(100)));
 * assert.equal(valueAt(rate, 0), 0.1 * 0.1);
 * assert(valueAt(rate, 50) < 0.1 && valueAt(rate, 100) === 0);
 * assert.equal(valueAt(stepwise([30, 60], 0.5), 70), 0.25);
 * assert.equal(valueAt(3, 1000), 3);
 * ```
 */
export function warmup(steps: number, schedule: Schedule = 1): (step: number) => number {
  checkNumber("Cannot make a warm-up", "steps", steps, { min: 0 });
  return (step) => Math.min(1, (step + 1) / Math.max(steps, 1)) * valueAt(schedule, step);
}

/**
 * A product of schedules, such as a base learning rate times a cosine.
 */
export function product(...schedules: readonly Schedule[]): (step: number) => number {
  return (step) => schedules.reduce<number>((value, s) => value * valueAt(s, step), 1);
}
