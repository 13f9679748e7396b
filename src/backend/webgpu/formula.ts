/**
 * Formulas over a few numbers: each is compiled to a kernel of one invocation.
 *
 * @module
 */

import type { Binary, Expression, Formula, Reduction, Unary } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Scalar, Verbs } from "../backend.ts";
import type { Machine } from "./machine.ts";
import type { Shader } from "./shader.ts";
import { bufferOf, BYTES } from "./storage.ts";

/** The verb of this topic. */
export type Formulas = Pick<Verbs, "evaluate">;

/** A formula compiled for inputs and outputs of known lengths, which lie one behind the other. */
type FormulaShader = Shader<"data", never>;

/** The verb of this topic on one machine. */
export function createFormulas(machine: Machine): Formulas {
  const compiled = new Map<Formula, Map<string, FormulaShader>>();
  let shaders = 0;
  const shaderOf = (formula: Formula, lengths: Lengths): FormulaShader => {
    let variants = compiled.get(formula);
    if (variants === undefined) compiled.set(formula, variants = new Map());
    const key = JSON.stringify(lengths);
    let shader = variants.get(key);
    if (shader === undefined) {
      // Pipelines are told apart by name.
      shader = compile(formula, lengths, `formula_${shaders++}`);
      variants.set(key, shader);
    }
    return shader;
  };
  return {
    evaluate(formula, inputs, outputs) {
      const given = Object.entries<Scalar>(inputs);
      const wanted = Object.entries<Matrix>(outputs);
      const lengths: Lengths = {
        inputs: given.map(([name, input]) => [name, typeof input === "number" ? 1 : input.cols]),
        outputs: wanted.map(([name, { cols }]) => [name, cols]),
      };
      machine.scope(() => {
        // Numbers first, so that the host sends them in one piece.
        const numbers = given.filter(([, input]) => typeof input === "number");
        const matrices = given.filter(([, input]) => typeof input !== "number");
        const order = [...numbers, ...matrices].map(([name]) => name);
        const sorted = {
          ...lengths,
          inputs: order.map((name) => lengths.inputs.find(([other]) => other === name)!),
        };
        const total = [...sorted.inputs, ...sorted.outputs].reduce((sum, [, n]) => sum + n, 0);
        const data = machine.temporary(1, total);
        const buffer = bufferOf(data);
        const { stream } = machine;
        if (numbers.length > 0) {
          const values = Float32Array.from(numbers, ([, value]) => value as number);
          stream.upload(buffer, data.offset * BYTES, values);
        }
        let at = data.offset + numbers.length;
        for (const [, input] of matrices) {
          const { cols, offset } = input as Matrix;
          stream.copy(bufferOf(input as Matrix), offset * BYTES, buffer, at * BYTES, cols * BYTES);
          at += cols;
        }
        machine.run(shaderOf(formula as Formula, sorted), { data }, {}, [1, 1, 1]);
        for (const [, out] of wanted) {
          stream.copy(buffer, at * BYTES, bufferOf(out), out.offset * BYTES, out.cols * BYTES);
          at += out.cols;
        }
      });
    },
  };
}

/** Names of what lies in the data, in order, and how many numbers each has. */
interface Lengths {
  readonly inputs: readonly (readonly [name: string, length: number])[];
  readonly outputs: readonly (readonly [name: string, length: number])[];
}

/** The WGSL of a formula. Reductions are computed first, innermost first; then outputs, element by element. */
function compile(formula: Formula, { inputs, outputs }: Lengths, name: string): FormulaShader {
  const places = new Map<string, { readonly at: number; readonly length: number }>();
  let end = 0;
  for (const [input, length] of inputs) {
    places.set(input, { at: end, length });
    end += length;
  }
  const lines: string[] = [];
  const reduced = new Map<Expression, string>();
  const lengthOf = (expression: Expression): number => {
    switch (expression.kind) {
      case "constant":
      case "reduction":
        return 1;
      case "input":
        return places.get(expression.name)!.length;
      case "unary":
        return lengthOf(expression.x);
      case "binary":
        return Math.max(lengthOf(expression.x), lengthOf(expression.y));
      case "select": {
        const { condition, x, y } = expression;
        return Math.max(lengthOf(condition), lengthOf(x), lengthOf(y));
      }
    }
  };
  const textOf = (expression: Expression): string => {
    switch (expression.kind) {
      case "constant":
        return literal(expression.value);
      case "input": {
        const { at, length } = places.get(expression.name)!;
        return `data[params.dataOffset + ${at}u${length === 1 ? "" : " + i"}]`;
      }
      case "unary":
        return UNARY[expression.operation](textOf(expression.x));
      case "binary":
        return BINARY[expression.operation](textOf(expression.x), textOf(expression.y));
      case "select": {
        const { condition, x, y } = expression;
        return `select(${textOf(y)}, ${textOf(x)}, ${textOf(condition)} != 0.0)`;
      }
      case "reduction":
        return reduced.get(expression) ?? reduce(expression.operation, expression);
    }
  };
  const reduce = (
    operation: Reduction,
    expression: Extract<Expression, { kind: "reduction" }>,
  ): string => {
    const value = textOf(expression.x);
    const length = lengthOf(expression.x);
    const name = `r${reduced.size}`;
    reduced.set(expression, name);
    const [first, next] = REDUCTIONS[operation];
    lines.push(
      `  var ${name} = ${first};`,
      `  for (var i = 0u; i < ${length}u; i++) { ${next(name, value)} }`,
      ...(operation === "mean" ? [`  ${name} /= ${length}.0;`] : []),
    );
    return name;
  };
  for (const [output, length] of outputs) {
    const text = textOf(formula.outputs[output]);
    lines.push(
      `  for (var i = 0u; i < ${length}u; i++) { data[params.dataOffset + ${end}u + i] = ${text}; }`,
    );
    end += length;
  }
  const source = `struct Params {
  dataOffset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> data: array<f32>;

//! include finite

@compute @workgroup_size(1)
fn main() {
${lines.join("\n")}
}
`;
  return {
    name,
    source,
    bindings: [{ name: "data", written: true }],
    fields: [["dataOffset", "u32"]],
    overrides: [],
  };
}

/** Largest number of float32, which stands for infinity where WGSL has no word for it. */
const LARGEST = 3.4028234663852886e38;

function literal(value: number): string {
  const bounded = Math.max(-LARGEST, Math.min(LARGEST, value));
  const text = String(Math.fround(bounded));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

const UNARY: Readonly<Record<Unary, (x: string) => string>> = {
  sqrt: (x) => `sqrt(${x})`,
  abs: (x) => `abs(${x})`,
  isFinite: (x) => `select(0.0, 1.0, isFinite(${x}))`,
};

const BINARY: Readonly<Record<Binary, (x: string, y: string) => string>> = {
  add: (x, y) => `(${x} + ${y})`,
  sub: (x, y) => `(${x} - ${y})`,
  mul: (x, y) => `(${x} * ${y})`,
  div: (x, y) => `(${x} / ${y})`,
  min: (x, y) => `min(${x}, ${y})`,
  max: (x, y) => `max(${x}, ${y})`,
  greater: (x, y) => `select(0.0, 1.0, ${x} > ${y})`,
  atLeast: (x, y) => `select(0.0, 1.0, ${x} >= ${y})`,
};

/** First value, and how the next element enters. */
const REDUCTIONS: Readonly<
  Record<Reduction, readonly [first: string, next: (name: string, value: string) => string]>
> = {
  sum: ["0.0", (name, value) => `${name} += ${value};`],
  mean: ["0.0", (name, value) => `${name} += ${value};`],
  largest: [literal(-LARGEST), (name, value) => `${name} = max(${name}, ${value});`],
};
