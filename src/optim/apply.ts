/**
 * The end of a step: weights move along their directions, and what follows them along.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Directing } from "./directions.ts";
import { relativeRate } from "./groups.ts";
import type { StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import { lengthOf, type ResolvedStepOptions } from "./step_options.ts";
import type { Rate } from "./transforms/rate.ts";
import { shrink } from "./transforms/weight_decay.ts";

/** What of an optimizer moves weights. */
export interface Applying extends Pick<Directing, "objective" | "momentum" | "settings"> {
  /** Have the learning rate of all. */
  readonly options: Pick<ResolvedStepOptions, "learningRate" | "annealing">;
  /** Have the average that follows, or goes ahead. */
  readonly rules: Pick<StepRules, "average">;
}

/**
 * Decays weights and moves them, each as its group says. Inside the step's scope.
 *
 * @param directions By parameter; `undefined` where it is frozen. Groups' rates are in them.
 */
export function applyStep(
  { objective: { backend, parameters }, momentum, options, settings, rules: { average } }: Applying,
  directions: readonly (Matrix | undefined)[],
  { rate, clip, step }: Pick<StepRow, "clip"> & { readonly rate: Rate; readonly step: number },
): void {
  average?.begin(lengthOf(options, step));
  parameters.forEach((parameter, index) => {
    const direction = directions[index];
    if (direction === undefined) return;
    const { weightDecay, learningRate } = settings[index];
    const take = (weights: Matrix): void => {
      if (weightDecay !== false && weightDecay.kind === "decoupled") {
        const relative = relativeRate(learningRate, options.learningRate, step);
        shrink(backend, parameter, weightDecay, { rate, relative, step }, weights);
      }
      momentum.apply(index, weights, direction, { rate, clip, step });
    };
    if (average === undefined) take(parameter.value);
    else average.apply(index, parameter, take);
  });
  average?.end();
}
