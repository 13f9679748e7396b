/**
 * That no state is left that is not finite.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import { columnsOf } from "../core/matrix.ts";
import { isAway } from "../core/away.ts";
import type { Reduction } from "../distributed/reduction.ts";
import type { Objective } from "./objective.ts";
import { type Stateful, stateMatrices } from "./state_matrices.ts";
import type { RowValues } from "./step_row.ts";

/** While all numbers of a step are smaller, none that is made of them overflows in float32. */
const EXTREME = 1e18;

/** What of an optimizer is looked at. */
interface Checked extends Stateful {
  /** Has the weights, and the backend. */
  readonly objective: Stateful["objective"] & Pick<Objective<never>, "backend">;
}

/**
 * Throws where a step has made state that is not finite. It costs a look at every matrix, so it is only taken where the
 * step's own numbers (loss, squared norms, products, lambdas, rates) are extreme.
 *
 * @param values Of the step.
 * @param rate Learning rate times annealing.
 * @param reduction With whom the numbers are shared.
 * @throws {NumericalError} Names the matrix.
 */
export function checkState(
  optimizer: Checked,
  values: RowValues,
  { step, rate }: { readonly step: number; readonly rate: number },
  reduction: Pick<Reduction, "size" | "sum">,
): void {
  const { loss, gradientNorm, innerProduct, clipFactor, lambda } = values;
  const { backend, parameters } = optimizer.objective;
  const lambdas = parameters.map((_, index) => lambda(index));
  const numbers = [loss, gradientNorm ** 2, innerProduct, clipFactor, rate, ...lambdas];
  if (numbers.every((number) => Math.abs(number) < EXTREME)) return;
  const matrices = Object.entries(stateMatrices(optimizer));
  backend.scope(() => {
    const flags = backend.scratch(1, matrices.length);
    matrices.forEach(([, matrix], i) => {
      const flag = columnsOf(flags, i, i + 1);
      if (isAway(matrix)) backend.write(flag, [1]);
      else backend.allFinite(flag, matrix);
    });
    // All ranks agree, whoever keeps it.
    reduction.sum({ matrix: flags });
    const bad = backend.readSync(flags).findIndex((finite) => finite < reduction.size);
    if (bad < 0) return;
    const [quantity] = matrices[bad];
    throw new NumericalError(
      `Cannot take step ${step}: it would leave '${quantity}' not finite; nothing is changed. Try a smaller learning ` +
        "rate or a larger damping, and check the scale of the inputs",
      { quantity, step },
    );
  });
}
