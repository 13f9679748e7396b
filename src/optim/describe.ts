import { shapeOf } from "../core/matrix.ts";
import { isTrainable } from "../core/parameter.ts";
import { formatTable } from "../core/table.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";
import type { MomentumState } from "./transforms/momentum.ts";

/** What of an optimizer is described. */
export interface Described {
  /** Has the layers. */
  readonly objective: Pick<Objective<never>, "parameters">;
  /** Has their blocks and the plan. */
  readonly preconditioner: Pick<Preconditioner, "method" | "plan" | "describe">;
  /** Has a velocity for each, or for some. */
  readonly momentum: Pick<MomentumState, "buffers">;
  /** Have an average of each, or none. */
  readonly rules: Pick<StepRules, "average">;
}

/** The table behind `Optimizer.describe()`. */
export function describeOptimizer(optimizer: Described): string {
  const { objective: { parameters }, preconditioner, momentum, rules } = optimizer;
  const { buffers } = momentum;
  const rows = parameters.map((parameter, index) => {
    const { block, factors, elements } = preconditioner.describe(index);
    const kept = isTrainable(parameter) ? block : `${block}, frozen`;
    const { rows, cols } = parameter.value;
    const copies = (buffers[index] === undefined ? 0 : 1) + (rules.average === undefined ? 0 : 1);
    // Four bytes a number, as on the device backends; the reference backend takes twice as many.
    const bytes = 4 * (elements + copies * rows * cols);
    return [parameter.name, parameter.layer.kind, shapeOf(parameter.value), kept, factors, bytes];
  });
  const total = rows.reduce((sum, row) => sum + (row[5] as number), 0);
  return [
    formatTable(
      ["layer", "kind", "weights", "block", "factors", "state bytes"],
      [...rows, ["total", "", "", "", "", total]],
    ),
    `${preconditioner.method}: ${preconditioner.plan}`,
  ].join("\n");
}
