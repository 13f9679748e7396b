/**
 * Branches: layers side by side over the same input.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { ShapeError } from "../core/errors.ts";
import { columnsOf, type Matrix } from "../core/matrix.ts";
import { resolve, type Rule, where } from "../core/schema.ts";
import { channelsOf, formatShape } from "./example_shape.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";
import { backwardThrough, firstTrained, forwardThrough, layersRule } from "./through_layers.ts";

const branchesRule: Rule<readonly (readonly LayerSpec[])[]> = where(
  "a list of at least one list of layers, such as [[dense(8), relu()], []]",
  (value): value is readonly (readonly LayerSpec[])[] =>
    Array.isArray(value) && value.length > 0 &&
    value.every((branch) => Array.isArray(branch) && (branch.length === 0 || isLayers(branch))),
);

function isLayers(value: unknown): boolean {
  try {
    layersRule.check("", "", value);
    return true;
  } catch {
    return false;
  }
}

/**
 * Branches that see the same input, and their outputs side by side: `y = [branch_1(x) | branch_2(x) | ...]`, joined
 * along features or channels. A branch without layers gives the input itself, as in densely connected networks
 * (Huang et al. 2017).
 *
 * Takes what every branch takes; what they give may differ in the number of channels only.
 *
 * @param branches At least one list of layers.
 * @throws {OptionError} When there is none. When it is built, `ShapeError` if the outputs cannot be joined.
 *
 * @example Windows of two sizes, and the input
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { concatenate, conv1d, relu, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const narrow = [conv1d(4, { kernel: 1 }), relu()];
 * const wide = [conv1d(6, { kernel: 5, padding: "same" }), relu()];
 * using model = sequential(backend, { input: [20, 3], layers: [concatenate([narrow, wide, []])], seed: 1 });
 * assert.deepEqual(model.output, [20, 4 + 6 + 3]);
 * ```
 */
export function concatenate(branches: readonly (readonly LayerSpec[])[]): LayerSpec {
  resolve("Cannot create concatenate", { branches }, { branches: branchesRule });
  return {
    kind: "concatenate",
    options: { branches },
    build(context: BuildContext): Layer {
      const built: Layer[][] = [];
      try {
        for (const branch of branches) {
          const layers: Layer[] = [];
          built.push(layers);
          for (const spec of branch) {
            layers.push(context.build(spec, layers.at(-1)?.output ?? context.input));
          }
        }
        return new Concatenate(context, built);
      } catch (error) {
        built.flat().forEach((layer) => layer[Symbol.dispose]());
        throw error;
      }
    },
  };
}

/** The shape of outputs side by side. */
function joined(name: string, shapes: readonly ExampleShape[]): ExampleShape {
  const places = (shape: ExampleShape): string => shape.slice(0, -1).join();
  if (shapes.some((shape) => places(shape) !== places(shapes[0]))) {
    throw new ShapeError(
      `Cannot build '${name}'`,
      "branches whose outputs differ in their channels only",
      shapes.map(formatShape).join(" and "),
    );
  }
  const channels = shapes.reduce((sum, shape) => sum + channelsOf(shape), 0);
  return [...shapes[0].slice(0, -1), channels] as unknown as ExampleShape;
}

class Concatenate implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter = undefined;
  readonly capture = undefined;
  readonly layers: readonly Layer[];
  readonly #backend: Backend;
  readonly #branches: readonly (readonly Layer[])[];
  /** Channels that each branch gives. */
  readonly #channels: readonly number[];

  constructor({ backend, name, input }: BuildContext, branches: readonly (readonly Layer[])[]) {
    const shapes = branches.map((layers) => layers.at(-1)?.output ?? input);
    this.name = name;
    this.output = joined(name, shapes);
    this.layers = branches.flat();
    this.#backend = backend;
    this.#branches = branches;
    this.#channels = shapes.map(channelsOf);
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const outputs = this.#branches.map((layers) => forwardThrough(layers, x, examples, pass));
    const out = this.#backend.scratch(outputs[0].rows, channelsOf(this.output));
    this.#places(out).forEach((place, i) => this.#backend.axpby(place, 1, outputs[i], 0));
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const backend = this.#backend;
    const parts = this.#places(g).map((place, i) => {
      // A matrix of its own: layers may want to see it in another shape.
      const part = backend.scratch(place.rows, place.cols);
      backend.axpby(part, 1, place, 0);
      return backwardThroughAll(this.#branches[i], part, pass, needInput);
    });
    if (!needInput) return undefined;
    const [first, ...others] = parts as Matrix[];
    const out = backend.scratch(first.rows, first.cols);
    backend.axpby(out, 1, first, 0);
    others.forEach((part) => backend.axpby(out, 1, part, 1));
    return out;
  }

  [Symbol.dispose](): void {
    this.layers.forEach((layer) => layer[Symbol.dispose]());
  }

  /** The branches' columns. */
  #places(m: Matrix): Matrix[] {
    let from = 0;
    return this.#channels.map((count) => columnsOf(m, from, from += count));
  }
}

/** The gradient of a branch's input, where it is wanted. */
function backwardThroughAll(
  layers: readonly Layer[],
  g: Matrix,
  pass: BackwardPass,
  needInput: boolean,
): Matrix | undefined {
  const last = needInput ? 0 : firstTrained(layers);
  let signal: Matrix | undefined = g;
  for (let i = layers.length - 1; i >= last && signal !== undefined; i--) {
    signal = backwardThrough(layers[i], signal, pass, needInput || i > last);
  }
  return signal;
}
