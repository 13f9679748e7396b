/**
 * The definition of formulas over a few numbers, in float64.
 *
 * @module
 */

import type { Expression, Formula, Operation, Rank, Reduction } from "../core/formula.ts";

/** A number, or the elements of a vector. */
type Value = number | ArrayLike<number>;

/**
 * The outputs of a formula, each with its elements. All vectors of a call have equal lengths.
 *
 * @param inputs Numbers, and elements of vectors.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formula, mul, sum } from "@tekfac/tekfac/formula";
 * import { evaluate } from "@tekfac/tekfac/linalg";
 *
 * const scaled = formula({ x: "vector", c: "number" }, ({ x, c }) => ({
 *   y: mul(c, x),
 *   total: sum(mul(c, x)),
 * }));
 * const { y, total } = evaluate(scaled, { x: [1, 2], c: 3 });
 * assert.deepEqual([[...y], [...total]], [[3, 6], [9]]);
 * ```
 */
export function evaluate<I extends Readonly<Record<string, Rank>>, O extends string>(
  { outputs }: Formula<I, O>,
  inputs: Readonly<Record<keyof I, number | ArrayLike<number>>>,
): Record<O, Float64Array> {
  const known = new Map<Expression, Value>();
  const valueOf = (expression: Expression): Value => {
    let value = known.get(expression);
    if (value === undefined) known.set(expression, value = compute(expression));
    return value;
  };
  const compute = (expression: Expression): Value => {
    switch (expression.kind) {
      case "constant":
        return expression.value;
      case "input": {
        const value = inputs[expression.name];
        return expression.rank === "number" && typeof value !== "number" ? value[0] : value;
      }
      case "operation": {
        const [x, y = 0, z = 0] = expression.operands.map(valueOf);
        return elementwise(OPERATIONS[expression.operation], x, y, z);
      }
      case "reduction":
        return REDUCTIONS[expression.operation](
          valueOf(expression.operands[0]) as ArrayLike<number>,
        );
    }
  };
  const values = Object.entries<Expression>(outputs).map(([name, expression]) => {
    const value = valueOf(expression);
    return [name, typeof value === "number" ? Float64Array.of(value) : Float64Array.from(value)];
  });
  return Object.fromEntries(values) as Record<O, Float64Array>;
}

/** Applies a function to numbers, or to vectors among which a number counts for each element. */
function elementwise(
  f: (x: number, y: number, z: number) => number,
  x: Value,
  y: Value,
  z: Value,
): Value {
  if (typeof x === "number" && typeof y === "number" && typeof z === "number") return f(x, y, z);
  const vector = [x, y, z].find((value) => typeof value !== "number") as ArrayLike<number>;
  const out = new Float64Array(vector.length);
  const at = (value: Value, i: number): number => typeof value === "number" ? value : value[i];
  for (let i = 0; i < out.length; i++) out[i] = f(at(x, i), at(y, i), at(z, i));
  return out;
}

const OPERATIONS: Readonly<Record<Operation, (x: number, y: number, z: number) => number>> = {
  sqrt: Math.sqrt,
  abs: Math.abs,
  isFinite: (x) => +Number.isFinite(x),
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: (x, y) => x < y ? x : y,
  max: (x, y) => x > y ? x : y,
  greater: (x, y) => +(x > y),
  atLeast: (x, y) => +(x >= y),
  select: (condition, x, y) => condition !== 0 ? x : y,
};

const REDUCTIONS: Readonly<Record<Reduction, (x: ArrayLike<number>) => number>> = {
  sum: total,
  mean: (x) => total(x) / Math.max(x.length, 1),
  largest: (x) => {
    let best = -Infinity;
    for (let i = 0; i < x.length; i++) if (x[i] > best) best = x[i];
    return best;
  },
};

function total(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i];
  return sum;
}
