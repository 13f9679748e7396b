/**
 * Renewals of equal parts of a layer as one.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Expression, formula, greater, largest, select, sub } from "../core/formula.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import type { Renewal } from "./renewal.ts";

/**
 * What became of several parts, number by number, as of one: the worst of each problem. Reads nothing back.
 *
 * @param status Receives it; of the shape of the parts' own.
 * @param renewals At least one.
 */
export function jointRenewal(
  backend: Backend,
  status: Matrix,
  renewals: readonly Renewal[],
): Renewal {
  const { cols } = status;
  backend.scope(() => {
    const all = backend.scratch(cols, renewals.length);
    renewals.forEach((renewal, i) => {
      backend.axpby(columnsOf(all, i, i + 1), 1, reshaped(renewal.status, cols, 1), 0);
    });
    // Three numbers of each eigenproblem, or whether each inverse succeeded.
    const summary = cols % 3 === 0 ? worst : least;
    for (let i = 0; i < cols; i++) {
      const numbers = { numbers: rowsOf(all, i, i + 1) };
      backend.evaluate(summary, numbers, { status: columnsOf(status, i, i + 1) });
    }
  });
  return { status, outcome: renewals[0].outcome };
}

const leastOf = (numbers: Expression): Expression => sub(0, largest(sub(0, numbers)));

const least = formula({ numbers: "vector" }, ({ numbers }) => ({ status: leastOf(numbers) }));

/** The negative number that stands for failure or for what was not measured, if it is there, or the largest. */
const worst = formula({ numbers: "vector" }, ({ numbers }) => {
  const least = leastOf(numbers);
  return { status: select(greater(0, least), least, largest(numbers)) };
});
