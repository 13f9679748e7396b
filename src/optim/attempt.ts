/**
 * A step as its gate takes it: what has to hold afterwards, and what is told.
 *
 * @module
 */

import type { Reduction } from "../distributed/reduction.ts";
import { allOrNothing, type Reversible } from "./all_or_nothing.ts";
import type { Attempt } from "./gate.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import { checkState } from "./state_check.ts";
import type { Stateful } from "./state_matrices.ts";
import { lengthOf, type ResolvedStepOptions } from "./step_options.ts";
import { reportOf, type TakenStep } from "./step_report.ts";
import type { StepLog } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";

/** What of an optimizer is checked and told of after a step. */
export interface Attempting extends Reversible {
  /** The model and its loss. */
  readonly objective: Reversible["objective"] & Pick<Objective<never>, "state">;
  /** Has state, and refreshes that may have failed. */
  readonly preconditioner:
    & Reversible["preconditioner"]
    & Pick<Preconditioner, "state" | "damping" | "describe" | "judge">;
  /** Has state. */
  readonly momentum: Reversible["momentum"] & Stateful["momentum"];
  /** Have the schedules. */
  readonly options: ResolvedStepOptions;
  /** Have state, and what has been measured. */
  readonly rules:
    & Reversible["rules"]
    & Pick<StepRules, "state" | "gradientClip" | "curvature" | "settling">;
}

/** The attempt of an optimizer to take a step; its numbers are in the log, whatever becomes of it. */
export function attemptOf(
  optimizer: Attempting,
  log: Pick<StepLog, "all" | "checkKept">,
  take: () => TakenStep,
  reduction: Reduction,
): Attempt {
  const { options, preconditioner } = optimizer;
  return {
    whole: (body, refused) =>
      reduction.together(() => allOrNothing(optimizer, body, { passing: [log.all], refused })),
    take,
    checkState: ({ step, row }, numbers) =>
      checkState(
        optimizer,
        row.values(numbers),
        { step, rate: lengthOf(options, step) },
        reduction,
      ),
    report: (taken, numbers) => reportOf(optimizer, taken, numbers),
    checkKept: ({ step }) => log.checkKept(step, optimizer.stepCount),
    judge: ({ step, layers }) =>
      layers.forEach(({ refresh }, index) => {
        if (refresh !== undefined) preconditioner.judge?.(index, refresh, step);
      }),
  };
}
