/**
 * The kernel of a formula: WGSL written from its expressions.
 *
 * Formulas of numbers take one invocation. With vectors it is a workgroup of 256, whose invocations each
 * compute all numbers and go over columns of their own; a reduction is one loop over the columns and a
 * sum by halves. Every number is read before anything is written, a column before it is, and numbers are
 * written last, so that outputs may be inputs.
 *
 * @module
 */

import type { Expression, Formula, Operation, Reduction } from "../../../core/formula.ts";
import type { AnyShader, FieldType } from "../device/shader.ts";

/** Where the numbers of a call lie. */
export interface Places {
  /** Which binding holds an input, by its name; `undefined` for a plain number. */
  readonly inputs: Readonly<Record<string, number | undefined>>;
  /** Which binding holds an output, by its name. */
  readonly outputs: Readonly<Record<string, number>>;
  /** Whether a binding is written, for each of them. */
  readonly written: readonly boolean[];
}

/** Field of `Params` with the number of columns. */
export const COLUMNS = "n";

/** Field of `Params` for the i-th input: its value, or where it begins. */
export function inputField(i: number): string {
  return `x${i}`;
}

/** Field of `Params` for the i-th output: where it begins. */
export function outputField(i: number): string {
  return `y${i}`;
}

const OPERATIONS: Readonly<Record<Operation, (x: string, y: string, z: string) => string>> = {
  sqrt: (x) => `sqrt(${x})`,
  abs: (x) => `abs(${x})`,
  isFinite: (x) => `f32(isFinite(${x}))`,
  add: (x, y) => `${x} + ${y}`,
  sub: (x, y) => `${x} - ${y}`,
  mul: (x, y) => `${x} * ${y}`,
  div: (x, y) => `${x} / ${y}`,
  min: (x, y) => `select(${y}, ${x}, isGreater(${y}, ${x}))`,
  max: (x, y) => `select(${y}, ${x}, isGreater(${x}, ${y}))`,
  greater: (x, y) => `f32(isGreater(${x}, ${y}))`,
  atLeast: (x, y) => `f32(isAtLeast(${x}, ${y}))`,
  select: (condition, x, y) => `chosen(${condition}, ${x}, ${y})`,
};

/** What a lane begins with, how it goes on, and what the workgroup makes of all lanes. */
interface Loop {
  readonly start: string;
  readonly next: (lane: string, column: string) => string;
  readonly result: (lane: string) => string;
}

const SUM: Loop = {
  start: "0.0",
  next: (lane, column) => `${lane} + ${column}`,
  result: (lane) => `workgroupSum(lane, ${lane})`,
};

const LOOPS: Readonly<Record<Reduction, Loop>> = {
  sum: SUM,
  mean: { ...SUM, result: (lane) => `${SUM.result(lane)} / f32(max(params.n, 1u))` },
  largest: {
    start: "ofBits(0xff800000u)",
    next: (lane, column) => OPERATIONS.max(column, lane, ""),
    result: (lane) => `workgroupMax(lane, ${lane})`,
  },
};

/** Walks the columns that are a lane's own. */
const COLUMN_LOOP = "for (var j = lane; j < params.n; j += 256u) {";

/**
 * Writes the kernel of a formula.
 *
 * @param name Of the kernel; another for every text.
 */
export function formulaShader(name: string, formula: Formula, places: Places): AnyShader {
  const { inputs, outputs, written } = places;
  const ranks = [
    ...Object.values(formula.inputs),
    ...Object.values(formula.outputs).map(({ rank }) => rank),
  ];
  const onColumns = ranks.includes("vector");
  const fields: (readonly [string, FieldType])[] = [
    [COLUMNS, "u32"],
    ...Object.keys(formula.inputs).map((input, i) =>
      [inputField(i), inputs[input] === undefined ? "f32" : "u32"] as const
    ),
    ...Object.keys(formula.outputs).map((_, i) => [outputField(i), "u32"] as const),
  ];
  const source = [
    "struct Params {",
    ...fields.map(([field, type]) => `${field}: ${type},`),
    "}",
    "@group(0) @binding(0) var<uniform> params: Params;",
    ...written.map((isWritten, i) =>
      `@group(0) @binding(${i + 1}) var<storage, ${isWritten ? "read_write" : "read"}> ` +
      `b${i}: array<f32>;`
    ),
    "//! include formula",
    ...(onColumns ? ["//! include workgroup_sum"] : []),
    `@compute @workgroup_size(${onColumns ? 256 : 1})`,
    "fn main(@builtin(local_invocation_index) lane: u32) {",
    ...bodyOf(formula, { inputs, outputs, written }, onColumns),
    "}",
  ];
  return {
    name,
    source: source.join("\n") + "\n",
    bindings: written.map((isWritten, i) => ({ name: `b${i}`, written: isWritten })),
    fields,
    overrides: [],
  };
}

/** Statements that compute and store all outputs. */
function bodyOf(formula: Formula, places: Places, onColumns: boolean): string[] {
  const lines: string[] = [];
  const names = new Map<Expression, string>();
  const order = Object.keys(formula.inputs);
  let made = 0;

  /** The name of an expression, declared where it belongs: numbers outside of loops, columns in `loop`. */
  const nameOf = (
    expression: Expression,
    loop: Map<Expression, string>,
    inside: string[],
  ): string => {
    const isNumber = expression.rank === "number";
    const known = isNumber ? names : loop;
    let name = known.get(expression);
    if (name === undefined) {
      const value = valueOf(expression, loop, inside);
      known.set(expression, name = `t${made++}`);
      (isNumber ? lines : inside).push(`let ${name} = ${value};`);
    }
    return name;
  };

  const valueOf = (
    expression: Expression,
    loop: Map<Expression, string>,
    inside: string[],
  ): string => {
    switch (expression.kind) {
      case "constant":
        return `${Math.fround(expression.value)}f`;
      case "input": {
        const { rank, name } = expression;
        const field = `params.${inputField(order.indexOf(name))}`;
        const binding = places.inputs[name];
        if (binding === undefined) return field;
        return `b${binding}[${field}${rank === "vector" ? " + j" : ""}]`;
      }
      case "operation": {
        const [a, b = "", c = ""] = expression.operands.map((part) => nameOf(part, loop, inside));
        return OPERATIONS[expression.operation](a, b, c);
      }
      case "reduction":
        return reduced(expression.operation, expression.operands[0]);
    }
  };

  const reduced = (reduction: Reduction, vector: Expression): string => {
    const { start, next, result } = LOOPS[reduction];
    const inside: string[] = [];
    const column = nameOf(vector, new Map(), inside);
    const lane = `r${made++}`;
    lines.push(`var ${lane} = ${start};`, COLUMN_LOOP, ...inside);
    lines.push(`${lane} = ${next(lane, column)};`, "}");
    return result(lane);
  };

  const columns: string[] = [];
  const stores: Readonly<Record<Expression["rank"], string[]>> = { number: [], vector: [] };
  const loop = new Map<Expression, string>();
  Object.entries<Expression>(formula.outputs).forEach(([name, output], i) => {
    const at = `params.${outputField(i)}${output.rank === "vector" ? " + j" : ""}`;
    const value = nameOf(output, loop, columns);
    stores[output.rank].push(`b${places.outputs[name]}[${at}] = ${value};`);
  });
  if (!onColumns) return [...lines, ...stores.number];
  const wait = ["storageBarrier();", "workgroupBarrier();"];
  const loops = [COLUMN_LOOP, ...columns, ...stores.vector, "}", ...wait];
  return [
    ...lines,
    ...wait,
    ...(stores.vector.length > 0 ? loops : []),
    ...["if (lane == 0u) {", ...stores.number, "}"],
  ];
}
