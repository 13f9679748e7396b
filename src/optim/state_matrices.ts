/**
 * The state of an optimizer that is in matrices.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { StepRules } from "./step_rules.ts";
import type { MomentumState } from "./transforms/momentum.ts";

/** What of an optimizer has matrices. */
export interface Stateful {
  /** Has the weights, and what else its model remembers. */
  readonly objective: Pick<Objective<never>, "parameters" | "state">;
  /** Has velocities. */
  readonly momentum: Pick<MomentumState, "buffers">;
  /** Has factors, bases, moments. */
  readonly preconditioner: Pick<Preconditioner, "state">;
  /** Have running means, the weights before the last step, averages of weights. */
  readonly rules: Pick<StepRules, "state">;
}

/** Every matrix that outlives a step, but for gradients, by its name in checkpoints. */
export function stateMatrices(optimizer: Stateful): Readonly<Record<string, Matrix>> {
  const { objective: { parameters, state = {} }, momentum, preconditioner, rules } = optimizer;
  const matrices: Record<string, Matrix> = { ...state };
  const { buffers } = momentum;
  parameters.forEach(({ name, value }, index) => {
    const buffer = buffers[index];
    matrices[`${name}.weights`] = value;
    if (buffer !== undefined) matrices[`${name}.momentum`] = buffer;
  });
  return { ...matrices, ...preconditioner.state, ...rules.state };
}
