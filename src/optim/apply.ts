/**
 * The end of a step: weights move along their directions, and what follows them along.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import type { Directing } from "./directions.ts";
import { type ParameterSettings, relativeRate } from "./groups.ts";
import type { StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import { lengthOf, type ResolvedStepOptions } from "./step_options.ts";
import { NO_DECAY, type StepDecay } from "./transforms/momentum.ts";
import {
  decayedColumns,
  type DecayNumbers,
  decayShare,
  shrink,
} from "./transforms/weight_decay.ts";

/** What of an optimizer moves weights. */
export interface Applying extends Pick<Directing, "objective" | "momentum" | "settings"> {
  /** Have the learning rate of all. */
  readonly options: Pick<ResolvedStepOptions, "learningRate" | "annealing">;
  /** Have the average that follows, or goes ahead. */
  readonly rules: Pick<StepRules, "average">;
}

/**
 * What a step takes from the weights besides: with the step itself, in one pass over them, where leading columns decay
 * by their own share; beforehand else.
 */
function decayOf(
  backend: Backend,
  parameter: Parameter,
  decay: ParameterSettings["weightDecay"],
  numbers: DecayNumbers,
  weights: Matrix,
): StepDecay {
  if (decay === false || decay.kind !== "decoupled") return NO_DECAY;
  const columns = weights === parameter.value ? decayedColumns(parameter, decay) : undefined;
  if (columns !== undefined) return { share: decayShare(decay, numbers), columns };
  shrink(backend, parameter, decay, numbers, weights);
  return NO_DECAY;
}

/**
 * Decays weights and moves them, each as its group says; an average that follows waits for its `end`. Inside the
 * step's scope.
 *
 * @param directions By parameter; `undefined` where it is frozen. Groups' rates are in them.
 */
export function applyStep(
  { objective: { backend, parameters }, momentum, options, settings, rules: { average } }: Applying,
  directions: readonly (Matrix | undefined)[],
  { rate, clip, ...now }: Pick<StepRow, "clip"> & Pick<DecayNumbers, "rate" | "step" | "examples">,
): void {
  const { step } = now;
  average?.begin(lengthOf(options, step));
  parameters.forEach((parameter, index) => {
    const direction = directions[index];
    if (direction === undefined) return;
    const { weightDecay, learningRate } = settings[index];
    const take = (weights: Matrix): void => {
      const relative = relativeRate(learningRate, options.learningRate, step);
      const decay = decayOf(backend, parameter, weightDecay, { rate, relative, ...now }, weights);
      momentum.apply(index, weights, direction, { rate, clip, step, decay });
    };
    if (average === undefined) take(parameter.value);
    else average.apply(index, parameter, take);
  });
}
