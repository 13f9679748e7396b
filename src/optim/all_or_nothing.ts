/**
 * A step that is taken, or that has never been.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Objective } from "./objective.ts";
import type { Preconditioner } from "./preconditioner.ts";
import { type Progressing, progressOf } from "./progress.ts";

/** What of an optimizer goes back where a step is refused. */
export interface Reversible extends Progressing {
  /** Has the weights, and counts passes. */
  readonly objective: Pick<Objective<never>, "backend" | "parameters" | "passes">;
  /** Has counters, and what it would not tell a checkpoint. */
  readonly preconditioner: Progressing["preconditioner"] & Pick<Preconditioner, "mark">;
}

/** What need not, or may have to, go back besides. */
interface Aside {
  /** Matrices that stay as the step leaves them. */
  readonly passing: readonly Matrix[];
  /** [1, 1], not 0 where a device refuses the step when it comes to its numbers. */
  readonly refused: Matrix | undefined;
}

/**
 * Takes a step. Where it throws, whatever the reason, all matrices and all counters are what they were before it, to
 * the last bit; what it had begun in the background is waited for and dropped. Gradients do not count: the next step
 * computes its own.
 *
 * @param take Is given what puts back all that is no matrix, for a step that is refused later: the matrices have
 * been put back by the device then.
 */
export function allOrNothing<T>(
  optimizer: Reversible,
  take: (goBack: () => void) => T,
  { passing, refused }: Aside,
): T {
  const { backend, parameters } = optimizer.objective;
  const goBack = marked(optimizer);
  const attempt = (): T => {
    try {
      return take(goBack);
    } catch (error) {
      goBack();
      throw error;
    }
  };
  const gradients = parameters.map(({ gradient }) => gradient);
  const spare = optimizer.rules.stepCheck?.spare ?? [];
  return backend.undoable(attempt, [...gradients, ...spare, ...passing], refused);
}

/** Notes all that is no matrix; the result puts it back. */
function marked(optimizer: Reversible): () => void {
  const { momentum, preconditioner, objective, random, rules, freezing } = optimizer;
  const { step, counters, ...progress } = progressOf(optimizer);
  const { weights } = momentum;
  const keep = rules.stepCheck?.mark();
  const putBack = preconditioner.mark?.() ?? (() => preconditioner.restore?.(counters));
  return () => {
    putBack();
    keep?.();
    random.restore(progress.random);
    rules.restore(progress.rules);
    momentum.weights = weights;
    optimizer.stepCount = step;
    freezing.frozen = progress.frozen;
    if (progress.passes !== undefined) objective.passes = progress.passes;
  };
}
