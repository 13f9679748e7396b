/**
 * The definition of formulas over a few numbers, in float64.
 *
 * @module
 */

import type { Expression, Formula, Operation, Rank, Reduction } from "../core/formula.ts";

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
  formula: Formula<I, O>,
  inputs: Readonly<Record<keyof I, number | ArrayLike<number>>>,
): Record<O, Float64Array> {
  const program = programOf(formula);
  const { vector } = program;
  if (vector !== undefined) program.reserve((inputs[vector] as ArrayLike<number>).length);
  for (const { name, slot } of program.inputs) {
    const input = inputs[name];
    if (typeof input === "number") slot.values[0] = input;
    else for (let i = 0; i < slot.length; i++) slot.values[i] = input[i];
  }
  program.run();
  const results = program.outputs.map(({ name, slot: { values, length } }) => {
    return [name, values.slice(0, length)];
  });
  return Object.fromEntries(results) as Record<O, Float64Array>;
}

/** The program of a formula; worked out once. To be run at once: there is one set of values for all. */
export function programOf(formula: Formula): FormulaProgram {
  let program = programs.get(formula);
  if (program === undefined) programs.set(formula, program = new FormulaProgram(formula));
  return program;
}

const programs = new WeakMap<Formula, FormulaProgram>();

/** The values of one node. */
export interface FormulaValues {
  /** The numbers, as many as {@linkcode FormulaValues.length} says, or more; replaced where more are needed. */
  values: Float64Array;
  /** How many there are in a call: 1 of a number. */
  length: number;
  /** Whether there is one value for each element. */
  readonly isVector: boolean;
}

/** An input or an output, and its values. */
export interface NamedValues {
  /** Its name in the formula. */
  readonly name: string;
  /** To be filled, or to be read. */
  readonly slot: FormulaValues;
}

/** A formula as a list of steps: nodes one after the other, each behind its operands. */
export class FormulaProgram {
  /** To be filled before a run. An input that no output depends on has none. */
  readonly inputs: readonly NamedValues[];
  /** Filled by a run. */
  readonly outputs: readonly NamedValues[];
  /** An input that tells how many elements vectors have; `undefined` where there are none. */
  readonly vector: string | undefined;
  readonly #steps: readonly Step[];
  readonly #vectors: readonly FormulaValues[];

  /** Puts the nodes in order. */
  constructor({ outputs }: Formula) {
    const inputs: NamedValues[] = [];
    const steps: Step[] = [];
    const slots = new Map<Expression, FormulaValues>();
    const slotOf = (expression: Expression): FormulaValues => {
      const known = slots.get(expression);
      if (known !== undefined) return known;
      const isVector = expression.rank === "vector";
      const slot: FormulaValues = { values: new Float64Array(1), length: 1, isVector };
      slots.set(expression, slot);
      if (expression.kind === "input") inputs.push({ name: expression.name, slot });
      else if (expression.kind === "constant") slot.values[0] = expression.value;
      else {
        const [x, y = x, z = x] = expression.operands.map(slotOf);
        steps.push(
          expression.kind === "reduction"
            ? { out: slot, reduce: REDUCTIONS[expression.operation], x, y, z }
            : { out: slot, compute: OPERATIONS[expression.operation], x, y, z },
        );
      }
      return slot;
    };
    this.outputs = Object.entries<Expression>(outputs).map(([name, expression]) => {
      return { name, slot: slotOf(expression) };
    });
    this.inputs = inputs;
    this.vector = inputs.find(({ slot }) => slot.isVector)?.name;
    this.#steps = steps;
    this.#vectors = [...slots.values()].filter(({ isVector }) => isVector);
  }

  /** Says how many elements all vectors have. */
  reserve(length: number): void {
    for (const slot of this.#vectors) {
      if (slot.values.length < length) slot.values = new Float64Array(length);
      slot.length = length;
    }
  }

  /** Computes the outputs from the inputs. */
  run(): void {
    for (const { out, reduce, compute, x, y, z } of this.#steps) {
      if (reduce !== undefined) out.values[0] = reduce(x.values, x.length);
      else {
        for (let i = 0; i < out.length; i++) out.values[i] = compute(at(x, i), at(y, i), at(z, i));
      }
    }
  }
}

/** An element; of a number it is the same everywhere. */
function at({ values, isVector }: FormulaValues, i: number): number {
  return values[isVector ? i : 0];
}

/** A node with operands; those that it lacks repeat the first. */
type Step =
  & Readonly<Record<"out" | "x" | "y" | "z", FormulaValues>>
  & (
    | { readonly compute: Elementwise; readonly reduce?: undefined }
    | { readonly reduce: Reduce; readonly compute?: undefined }
  );

/** A function of elements. */
type Elementwise = (x: number, y: number, z: number) => number;

/** A function of a vector's first elements. */
type Reduce = (x: Float64Array, length: number) => number;

const OPERATIONS: Readonly<Record<Operation, Elementwise>> = {
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

const REDUCTIONS: Readonly<Record<Reduction, Reduce>> = {
  sum: total,
  mean: (x, length) => total(x, length) / Math.max(length, 1),
  largest: (x, length) => {
    let best = -Infinity;
    for (let i = 0; i < length; i++) if (x[i] > best) best = x[i];
    return best;
  },
};

function total(x: Float64Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += x[i];
  return sum;
}
