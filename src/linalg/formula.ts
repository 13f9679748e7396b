/**
 * The definition of formulas over a few numbers, in float64.
 *
 * @module
 */

import type { Binary, Expression, Formula, Reduction, Unary } from "../core/formula.ts";

/** A number is a vector of one element. */
type Value = ArrayLike<number>;

/**
 * The outputs of a formula. Numbers and vectors of one element are the same; all others of a call have equal
 * lengths.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formula, mul, sum } from "@tekfac/tekfac/formula";
 * import { evaluate } from "@tekfac/tekfac/linalg";
 *
 * const scaled = formula(["x", "c"], ({ x, c }) => ({ y: mul(c, x), total: sum(mul(c, x)) }));
 * const { y, total } = evaluate(scaled, { x: [1, 2], c: [3] });
 * assert.deepEqual([[...y], [...total]], [[3, 6], [9]]);
 * ```
 */
export function evaluate<I extends string, O extends string>(
  { outputs }: Formula<I, O>,
  inputs: Readonly<Record<I, ArrayLike<number>>>,
): Record<O, Float64Array> {
  const known = new Map<Expression, Value>();
  const valueOf = (expression: Expression): Value => {
    let value = known.get(expression);
    if (value === undefined) {
      value = compute(expression, valueOf, inputs);
      known.set(expression, value);
    }
    return value;
  };
  const values = Object.entries<Expression>(outputs).map(([name, expression]) => [
    name,
    Float64Array.from(valueOf(expression)),
  ]);
  return Object.fromEntries(values) as Record<O, Float64Array>;
}

function compute(
  expression: Expression,
  valueOf: (expression: Expression) => Value,
  inputs: Readonly<Record<string, Value>>,
): Value {
  switch (expression.kind) {
    case "constant":
      return [expression.value];
    case "input":
      return inputs[expression.name];
    case "unary":
      return elementwise(UNARY[expression.operation], valueOf(expression.x));
    case "binary": {
      const f = BINARY[expression.operation];
      return elementwise(f, valueOf(expression.x), valueOf(expression.y));
    }
    case "select": {
      const { condition, x, y } = expression;
      const choose = (c: number, x: number, y: number): number => c !== 0 ? x : y;
      return elementwise(choose, valueOf(condition), valueOf(x), valueOf(y));
    }
    case "reduction":
      return [REDUCTIONS[expression.operation](valueOf(expression.x))];
  }
}

function elementwise(f: (...values: number[]) => number, ...operands: Value[]): Value {
  const length = Math.max(...operands.map((x) => x.length));
  return Array.from(
    { length },
    (_, i) => f(...operands.map((x) => x.length === 1 ? x[0] : x[i])),
  );
}

const UNARY: Readonly<Record<Unary, (x: number) => number>> = {
  sqrt: Math.sqrt,
  abs: Math.abs,
  isFinite: (x) => +Number.isFinite(x),
};

const BINARY: Readonly<Record<Binary, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: (x, y) => x < y ? x : y,
  max: (x, y) => x > y ? x : y,
  greater: (x, y) => +(x > y),
  atLeast: (x, y) => +(x >= y),
};

const REDUCTIONS: Readonly<Record<Reduction, (x: Value) => number>> = {
  sum: total,
  mean: (x) => total(x) / x.length,
  largest: (x) => {
    let best = -Infinity;
    for (let i = 0; i < x.length; i++) if (x[i] > best) best = x[i];
    return best;
  },
};

function total(x: Value): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i];
  return sum;
}
