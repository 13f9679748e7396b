/**
 * A step that is tried out and taken back, to see whether the quadratic model keeps its promise.
 *
 * @module
 */

import { add, formula, mul } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { DampingAdapter } from "../curvature/adaptation.ts";
import type { Objective } from "./objective.ts";
import type { StepBatches } from "./step_batches.ts";
import type { StepRow } from "./step_row.ts";
import type { Rate } from "./transforms/rate.ts";

/**
 * Moves the parameters by `d_l = -a U_l`, measures the loss of the step's batches, moves them back
 * (every bit of them) and lets the adapter judge. With `(F + lambda) U = S` the quadratic model of
 * the loss along d needs no product with the curvature (docs/MATH.md, section 4.6):
 * `<G, d> + d^T (F + lambda) d / 2 = -a <U, G> + a^2 <U, S> / 2`.
 *
 * @param objective The model and its loss; gradients are those of this step.
 * @param batches The step's batches.
 * @param directions U of each parameter; `undefined` where it is frozen.
 * @param numbers `rate` is a without the clip factor that `row` holds; so is `<U, S>`.
 */
export function tryStep<B>(
  objective: Objective<B>,
  adapter: DampingAdapter,
  batches: StepBatches<B>,
  directions: readonly (Matrix | undefined)[],
  { rate, row }: { readonly rate: Rate; readonly row: StepRow },
): void {
  const { backend } = objective;
  const moves = objective.parameters.flatMap(({ value, gradient }, index) => {
    const direction = directions[index];
    return direction === undefined ? [] : [{ value, gradient, direction }];
  });
  if (moves.length === 0) return;
  backend.scope(() => {
    const slope = backend.scratch(1, 1);
    moves.forEach(({ gradient, direction }, index) => {
      backend.dot(slope, direction, gradient, { decay: index === 0 ? 0 : 1, scale: -1 });
    });
    const length = rate.times(1, row.clip);
    const numbers = { length, slope, curvature: row.innerProduct };
    backend.evaluate(predictedChange, numbers, { predicted: row.predicted });

    const places = moves.map(({ value }) => {
      const place = backend.scratch(value.rows, value.cols);
      backend.axpby(place, 1, value, 0);
      return place;
    });
    for (const { value, direction } of moves) {
      backend.axpby(value, rate.times(-1, row.clip), direction, 1);
    }
    batches.meanLoss(row.trialLoss);
    moves.forEach(({ value }, index) => backend.axpby(value, 1, places[index], 0));
    adapter.judge({ before: row.loss, after: row.trialLoss, predicted: row.predicted });
    backend.axpby(row.dampingFactor, 1, adapter.factor, 0);
  });
}

/** Change of the quadratic model along `-length U`, with `slope = -<U, G>` and `curvature = <U, S>`. */
const predictedChange = formula(
  { length: "number", slope: "number", curvature: "number" },
  ({ length, slope, curvature }) => ({
    predicted: mul(length, add(slope, mul(0.5, mul(length, curvature)))),
  }),
);
