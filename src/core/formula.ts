/**
 * Formulas over a few numbers, as data: an optimizer writes a rule of its step once, and each backend evaluates
 * it where the numbers lie, without reading any of them back.
 *
 * A value is a number or a vector (one number per layer, say); numbers combine with vectors element by
 * element. Arithmetic is that of IEEE 754: in float64 on the host, in float32 on a GPU.
 *
 * @experimental Operations may be added or change between minor versions.
 *
 * @module
 */

/** A node of a formula; made by the functions of this file. */
export type Expression =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "unary"; readonly operation: Unary; readonly x: Expression }
  | {
    readonly kind: "binary";
    readonly operation: Binary;
    readonly x: Expression;
    readonly y: Expression;
  }
  | {
    readonly kind: "select";
    readonly condition: Expression;
    readonly x: Expression;
    readonly y: Expression;
  }
  | { readonly kind: "reduction"; readonly operation: Reduction; readonly x: Expression };

/** Functions of one value. */
export type Unary = "sqrt" | "abs" | "isFinite";

/** Functions of two values. */
export type Binary = "add" | "sub" | "mul" | "div" | "min" | "max" | "greater" | "atLeast";

/** Functions of a vector whose value is a number. */
export type Reduction = "sum" | "mean" | "largest";

/** An expression, or a number that never changes. */
export type Term = Expression | number;

/** A formula: names of its inputs, and an expression for each of its outputs. */
export interface Formula<I extends string = string, O extends string = string> {
  /** Names of the inputs. */
  readonly inputs: readonly I[];
  /** What each output is. */
  readonly outputs: Readonly<Record<O, Expression>>;
}

/**
 * Declares a formula; once, at the top of a file: a backend compiles each formula once.
 *
 * @param inputs Names of its inputs: numbers or vectors, as a call says.
 * @param define Makes the outputs from the inputs.
 *
 * @example The length of a step, on whatever backend
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { abs, add, atLeast, div, formula, greater, isFinite, largest, max, mean, min, mul, select, sqrt,
 *   sub, sum } from "@tekfac/tekfac/formula";
 *
 * const length = formula(["norms", "bound"], ({ norms, bound }) => ({
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
 * formula(["x"], ({ x }) => ({
 *   y: select(isFinite(x), add(sub(x, abs(x)), max(x, 0)), mean(x)),
 *   z: mul(greater(x, 1), atLeast(x, 2)),
 * }));
 * ```
 */
export function formula<const I extends string, O extends string>(
  inputs: readonly I[],
  define: (inputs: Readonly<Record<I, Expression>>) => Readonly<Record<O, Term>>,
): Formula<I, O> {
  const named = inputs.map((name) => [name, { kind: "input", name }] as const);
  const defined = define(Object.fromEntries(named) as unknown as Record<I, Expression>);
  const outputs = Object.entries<Term>(defined).map(([name, term]) => [name, expressionOf(term)]);
  return { inputs, outputs: Object.fromEntries(outputs) as Record<O, Expression> };
}

/** `x + y`. */
export function add(x: Term, y: Term): Expression {
  return binary("add", x, y);
}

/** `x - y`. */
export function sub(x: Term, y: Term): Expression {
  return binary("sub", x, y);
}

/** `x y`. */
export function mul(x: Term, y: Term): Expression {
  return binary("mul", x, y);
}

/** `x / y`. */
export function div(x: Term, y: Term): Expression {
  return binary("div", x, y);
}

/** The smaller of two; y where one of them is NaN. */
export function min(x: Term, y: Term): Expression {
  return binary("min", x, y);
}

/** The larger of two; y where one of them is NaN. */
export function max(x: Term, y: Term): Expression {
  return binary("max", x, y);
}

/** 1 where `x > y`, else (and for NaN) 0. */
export function greater(x: Term, y: Term): Expression {
  return binary("greater", x, y);
}

/** 1 where `x >= y`, else (and for NaN) 0. */
export function atLeast(x: Term, y: Term): Expression {
  return binary("atLeast", x, y);
}

/** The square root. */
export function sqrt(x: Term): Expression {
  return unary("sqrt", x);
}

/** The absolute value. */
export function abs(x: Term): Expression {
  return unary("abs", x);
}

/** 1 where x is neither NaN nor infinite, else 0. */
export function isFinite(x: Term): Expression {
  return unary("isFinite", x);
}

/** x where the condition is not 0, else y; nothing of the other comes through, be it NaN. */
export function select(condition: Term, x: Term, y: Term): Expression {
  return {
    kind: "select",
    condition: expressionOf(condition),
    x: expressionOf(x),
    y: expressionOf(y),
  };
}

/** The sum of a vector's elements. */
export function sum(x: Expression): Expression {
  return { kind: "reduction", operation: "sum", x };
}

/** The mean of a vector's elements. */
export function mean(x: Expression): Expression {
  return { kind: "reduction", operation: "mean", x };
}

/** The largest of a vector's elements; NaN is passed over. */
export function largest(x: Expression): Expression {
  return { kind: "reduction", operation: "largest", x };
}

function unary(operation: Unary, x: Term): Expression {
  return { kind: "unary", operation, x: expressionOf(x) };
}

function binary(operation: Binary, x: Term, y: Term): Expression {
  return { kind: "binary", operation, x: expressionOf(x), y: expressionOf(y) };
}

function expressionOf(term: Term): Expression {
  return typeof term === "number" ? { kind: "constant", value: term } : term;
}
