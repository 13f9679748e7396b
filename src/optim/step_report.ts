/**
 * A step's report, from the numbers of its row.
 *
 * @module
 */

import { valueAt } from "../core/schedule.ts";
import type { Renewal } from "../curvature/renewal.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { AdaptationReport, StepReport } from "./report.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import type { RowValues, StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import { limits } from "./transforms/step_length.ts";

/** A step that has been enqueued, and where its numbers will be. */
export interface TakenStep
  extends Pick<StepReport, "step" | "examples" | "observed" | "milliseconds"> {
  /** Where its numbers will be. */
  readonly row: StepRow;
  /** Refreshes by parameter. */
  readonly renewals: readonly (Renewal | undefined)[];
  /** Whether the step was tried out to adapt the damping. */
  readonly tried: boolean;
}

/** What of an optimizer a report is made of. */
export interface Reporting {
  /** Has the names. */
  readonly objective: Pick<Objective<never>, "parameters">;
  /** Names blocks, knows what is damped. */
  readonly preconditioner: Pick<Preconditioner, "damping" | "describe" | "effectiveShare">;
  /** Has the schedules. */
  readonly options: Pick<ResolvedStepOptions, "learningRate" | "annealing" | "gradientNormClip">;
  /** Says what has been measured. */
  readonly rules: Pick<StepRules, "gradientClip" | "curvature" | "settling">;
}

/** The report of a step whose row has been read. */
export function reportOf(
  { objective, preconditioner, options, rules }: Reporting,
  { step, examples, row, observed, renewals, tried, milliseconds }: TakenStep,
  numbers: ArrayLike<number>,
): StepReport {
  const values = row.values(numbers);
  const { loss, gradientNorm, innerProduct, clipFactor, lambda, status, effectiveShare } = values;
  const scales = rules.gradientClip !== undefined || options.gradientNormClip !== false;
  const layers = objective.parameters.map(({ name }, index) => ({
    name,
    block: preconditioner.describe(index).block,
    damping: preconditioner.damping?.(index) === undefined ? undefined : lambda(index),
    refresh: renewals[index]?.outcome(status(index)),
    effectiveShare: observed.statistics && preconditioner.effectiveShare?.(index) !== undefined
      ? effectiveShare(index)
      : undefined,
  }));
  return {
    step,
    loss,
    examples,
    learningRate: valueAt(options.learningRate, step),
    annealing: valueAt(options.annealing, step),
    settling: rules.settling && values.settling,
    clipFactor,
    limitedBy: limits[values.limit],
    gradientFactor: scales ? values.gradientFactor : undefined,
    curvature: rules.curvature && values.curvature,
    gradientNorm,
    innerProduct,
    layers,
    observed,
    adaptation: tried ? adaptationOf(values) : undefined,
    milliseconds,
  };
}

function adaptationOf(values: RowValues): AdaptationReport {
  const { loss: before, trialLoss: loss, predicted, dampingFactor: factor } = values;
  return { loss, predicted, reductionRatio: (loss - before) / predicted, factor };
}
