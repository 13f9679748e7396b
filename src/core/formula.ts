/**
 * Formulas over a few numbers, as data: an optimizer writes a rule of its step once, and each backend evaluates
 * it where the numbers lie, without reading any of them back.
 *
 * A value is a number, or a vector of as many numbers as all vectors of a call have (one per layer, say); numbers
 * combine with vectors element by element. Arithmetic is that of IEEE 754: in float64 on the host, in float32 on
 * a GPU, whose compiler may assume that what it computes is finite: of a division by 0 or of what overflows, no
 * more is promised there than that {@linkcode select} leaves it behind. NaN and infinities that come in as inputs
 * are told everywhere alike, by {@linkcode isFinite} and by all that compares.
 *
 * @experimental Operations may be added or change between minor versions.
 *
 * @module
 */

import { OptionError } from "./errors.ts";

/** Whether a value is one number, or a row of as many numbers as all vectors of a call have. */
export type Rank = "number" | "vector";

/** A node of a formula, made by the functions of this file. Nodes that are the same object are computed once. */
export type Expression<R extends Rank = Rank> =
  | { readonly kind: "constant"; readonly rank: R; readonly value: number }
  | { readonly kind: "input"; readonly rank: R; readonly name: string }
  | {
    readonly kind: "operation";
    readonly rank: R;
    readonly operation: Operation;
    readonly operands: readonly Expression[];
  }
  | {
    readonly kind: "reduction";
    readonly rank: R;
    readonly operation: Reduction;
    readonly operands: readonly Expression[];
  };

/** Functions of one, two or three values; for vectors, element by element. */
export type Operation =
  | "sqrt"
  | "abs"
  | "isFinite"
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "greater"
  | "atLeast"
  | "select";

/** Functions of a vector whose value is a number. */
export type Reduction = "sum" | "mean" | "largest";

/** An expression, or a number that never changes. */
export type Term = Expression | number;

/** What is computed element by element from terms: a vector where one of them is. */
export type Result<T> = Expression<
  "vector" extends (T extends { readonly rank: infer R } ? R : "number") ? "vector" : "number"
>;

/** A formula: ranks of its inputs by name, and an expression for each of its outputs. */
export interface Formula<
  I extends Readonly<Record<string, Rank>> = Readonly<Record<string, Rank>>,
  O extends string = string,
> {
  /** Ranks of the inputs. */
  readonly inputs: I;
  /** What each output is. */
  readonly outputs: Readonly<Record<O, Expression>>;
}

/**
 * Declares a formula; once, at the top of a file: a backend compiles each formula once.
 *
 * @param inputs Ranks of its inputs by name. What changes from call to call is an input, too.
 * @param define Makes the outputs from the inputs.
 * @throws {OptionError} On a constant that float32 cannot hold, or an input of another formula.
 *
 * @example The length of a step, on whatever backend
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { abs, add, atLeast, div, formula, greater, isFinite, largest, max, mean, min, mul, select, sqrt,
 *   sub, sum } from "@tekfac/tekfac/formula";
 *
 * const length = formula({ norms: "vector", bound: "number" }, ({ norms, bound }) => ({
 *   length: min(1, div(bound, sqrt(sum(mul(norms, norms))))),
 *   share: div(largest(norms), sum(norms)),
 * }));
 *
 * using backend = await createBackend();
 * using norms = backend.alloc(1, 2);
 * using out = backend.alloc(1, 2);
 * backend.write(norms, [3, 4]);
 * const [first, second] = [{ ...out, cols: 1 }, { ...out, cols: 1, offset: out.offset + 1 }];
 * backend.evaluate(length, { norms, bound: 1 }, { length: first, share: second });
 * const [a, b] = backend.readSync(out);
 * assert(Math.abs(a - 1 / 5) < 1e-6 && Math.abs(b - 4 / 7) < 1e-6);
 *
 * // All there is besides:
 * formula({ x: "vector" }, ({ x }) => ({
 *   y: select(isFinite(x), add(sub(x, abs(x)), max(x, 0)), mean(x)),
 *   z: mul(greater(x, 1), atLeast(x, 2)),
 * }));
 * ```
 */
export function formula<const I extends Readonly<Record<string, Rank>>, O extends string>(
  inputs: I,
  define: (
    inputs: { readonly [K in keyof I]: Expression<I[K]> },
  ) => Readonly<Record<O, Term>>,
): Formula<I, O> {
  const own = Object.entries(inputs).map(([name, rank]): [string, Expression] => {
    return [name, { kind: "input", rank, name }];
  });
  const defined = define(Object.fromEntries(own) as Parameters<typeof define>[0]);
  const outputs = Object.entries<Term>(defined).map(([name, term]) => [name, expressionOf(term)]);
  const formula = { inputs, outputs: Object.fromEntries(outputs) as Record<O, Expression> };
  check(formula, new Set(own.map(([, input]) => input)));
  return formula;
}

/** `x + y`. */
export function add<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("add", x, y);
}

/** `x - y`. */
export function sub<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("sub", x, y);
}

/** `x y`. */
export function mul<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("mul", x, y);
}

/** `x / y`. */
export function div<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("div", x, y);
}

/** The smaller of two; y where one of them is NaN. */
export function min<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("min", x, y);
}

/** The larger of two; y where one of them is NaN. */
export function max<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("max", x, y);
}

/** 1 where `x > y`, else (and for NaN) 0. */
export function greater<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("greater", x, y);
}

/** 1 where `x >= y`, else (and for NaN) 0. */
export function atLeast<X extends Term, Y extends Term>(x: X, y: Y): Result<X | Y> {
  return operation("atLeast", x, y);
}

/** The square root. */
export function sqrt<X extends Term>(x: X): Result<X> {
  return operation("sqrt", x);
}

/** The absolute value. */
export function abs<X extends Term>(x: X): Result<X> {
  return operation("abs", x);
}

/** 1 where x is neither NaN nor infinite, else 0. */
export function isFinite<X extends Term>(x: X): Result<X> {
  return operation("isFinite", x);
}

/** x where the condition is not 0, else y; nothing of the other comes through, be it NaN. */
export function select<C extends Term, X extends Term, Y extends Term>(
  condition: C,
  x: X,
  y: Y,
): Result<C | X | Y> {
  return operation("select", condition, x, y);
}

/** The sum of a vector's elements. */
export function sum(x: Expression<"vector">): Expression<"number"> {
  return reduction("sum", x);
}

/** The mean of a vector's elements; 0 of none. */
export function mean(x: Expression<"vector">): Expression<"number"> {
  return reduction("mean", x);
}

/** The largest of a vector's elements; NaN is passed over. */
export function largest(x: Expression<"vector">): Expression<"number"> {
  return reduction("largest", x);
}

function operation<T extends readonly Term[]>(
  operation: Operation,
  ...terms: T
): Result<T[number]> {
  const operands = terms.map(expressionOf);
  const rank = operands.some((operand) => operand.rank === "vector") ? "vector" : "number";
  return { kind: "operation", rank, operation, operands } as Expression as Result<T[number]>;
}

function reduction(operation: Reduction, x: Expression): Expression<"number"> {
  return { kind: "reduction", rank: "number", operation, operands: [x] };
}

function expressionOf(term: Term): Expression {
  return typeof term === "number" ? { kind: "constant", rank: "number", value: term } : term;
}

/** Throws unless all leaves are finite constants or the formula's own inputs. */
function check({ outputs }: Formula, own: Set<Expression>): void {
  const visit = (expression: Expression): void => {
    if (own.has(expression)) return;
    own.add(expression);
    if (expression.kind === "input") {
      throw new OptionError(
        "Cannot declare a formula",
        expression.name,
        "must be its own",
        "another's",
      );
    }
    if (expression.kind !== "constant") return expression.operands.forEach(visit);
    const { value } = expression;
    if (!Number.isFinite(Math.fround(value))) {
      throw new OptionError(
        "Cannot declare a formula",
        "constant",
        "must be finite in float32",
        value,
      );
    }
  };
  Object.values(outputs).forEach(visit);
}
