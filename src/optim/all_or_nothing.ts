/**
 * A step that is taken, or that has never been.
 *
 * @module
 */

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

/**
 * Takes a step. Where it throws, whatever the reason, all matrices and all counters are what they were before it, to
 * the last bit; what it had begun in the background is waited for and dropped. Gradients do not count: the next step
 * computes its own. On a backend that is not synchronous matrices are left as they are.
 */
export function allOrNothing<T>(optimizer: Reversible, take: () => T): T {
  const { backend, parameters } = optimizer.objective;
  const goBack = marked(optimizer);
  return backend.undoable(() => {
    try {
      return take();
    } catch (error) {
      goBack();
      throw error;
    }
  }, [...parameters.map(({ gradient }) => gradient), ...optimizer.rules.stepCheck?.spare ?? []]);
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
