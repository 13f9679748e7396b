/**
 * A step as its gate takes it: what has to hold afterwards, and what is told.
 *
 * @module
 */

import type { Attempt } from "./gates.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import { checkState } from "./state_check.ts";
import type { Stateful } from "./state_matrices.ts";
import { lengthOf, type ResolvedStepOptions } from "./step_options.ts";
import { reportOf, type TakenStep } from "./step_report.ts";
import type { StepLog } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";

/** What of an optimizer is checked and told of after a step. */
export interface Attempting {
  /** The model and its loss. */
  readonly objective: Pick<Objective<never>, "backend" | "parameters" | "state">;
  /** Has state, and refreshes that may have failed. */
  readonly preconditioner: Pick<Preconditioner, "state" | "damping" | "describe" | "judge">;
  /** Has state. */
  readonly momentum: Stateful["momentum"];
  /** Have the schedules. */
  readonly options: ResolvedStepOptions;
  /** Have state, and what has been measured. */
  readonly rules: Pick<StepRules, "state" | "gradientClip" | "curvature">;
  /** Steps taken. */
  readonly stepCount: number;
}

/** The attempt of an optimizer to take a step; its numbers are in the log. */
export function attemptOf(
  optimizer: Attempting,
  log: Pick<StepLog, "checkKept">,
  take: () => TakenStep,
): Attempt {
  const { options, preconditioner } = optimizer;
  return {
    take,
    checkState: ({ step, row }, numbers) =>
      checkState(optimizer, row.values(numbers), { step, rate: lengthOf(options, step) }),
    report: (taken, numbers) => reportOf(optimizer, taken, numbers),
    checkKept: ({ step }) => log.checkKept(step, optimizer.stepCount),
    judge: ({ step, layers }) =>
      layers.forEach(({ refresh }, index) => {
        if (refresh !== undefined) preconditioner.judge?.(index, refresh, step);
      }),
  };
}
