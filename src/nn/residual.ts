/**
 * Residual blocks: layers with a shortcut around them.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { ShapeError } from "../core/errors.ts";
import { resolveWindow, type SlidingWindow } from "../core/geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "../core/matrix.ts";
import { formatShape } from "./example_shape.ts";
import { expectForward } from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";
import { backwardThrough, firstTrained, forwardThrough, layersRule } from "./through_layers.ts";

/**
 * A residual block (He et al. 2016): `y = body(x) + shortcut(x)`. The shortcut has no weights. Where the body
 * keeps the shape it is the identity; where the body gives smaller images with more channels it is option A
 * of that paper: every s-th pixel of x, and zeros for the channels that x does not have.
 *
 * Takes what the body takes and gives what it gives. What follows the sum, such as a `relu()`, is a layer
 * after the block.
 *
 * @param body At least one layer.
 * @throws {OptionError} When there is no layer. When the block is built, `ShapeError` if no shortcut leads from
 * what comes in to what the body gives.
 *
 * @example What goes in is added to what comes out
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv2d, relu, residual, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [8, 8, 4],
 *   layers: [residual([relu(), conv2d(4, { kernel: 3, padding: 1 })])],
 *   seed: 1,
 * });
 * assert.deepEqual(model.layers[0].output, [8, 8, 4]);
 * ```
 */
export function residual(body: readonly LayerSpec[]): LayerSpec {
  layersRule.check("Cannot create residual", "body", body);
  return {
    kind: "residual",
    options: { body },
    build(context: BuildContext): Layer {
      const { backend, name, input } = context;
      const layers: Layer[] = [];
      try {
        for (const spec of body) layers.push(context.build(spec, layers.at(-1)?.output ?? input));
        const output = layers[layers.length - 1].output;
        return new Residual(backend, name, layers, subsampling(name, input, output));
      } catch (error) {
        layers.forEach((layer) => layer[Symbol.dispose]());
        throw error;
      }
    },
  };
}

/** The window of option A, or `undefined` for the identity. */
function subsampling(
  name: string,
  input: ExampleShape,
  output: ExampleShape,
): SlidingWindow | undefined {
  if (input.join() === output.join()) return undefined;
  if (input.length === 3 && output.length === 3) {
    const stride = [Math.ceil(input[0] / output[0]), Math.ceil(input[1] / output[1])] as const;
    const fits = stride.every((step, axis) => Math.ceil(input[axis] / step) === output[axis]);
    if (fits && output[2] >= input[2]) {
      return resolveWindow(`Cannot build '${name}'`, input, { kernel: 1, stride });
    }
  }
  throw new ShapeError(
    `Cannot build '${name}'`,
    `a body that gives ${formatShape(input)}, or every s-th pixel with as many channels or more`,
    formatShape(output),
  );
}

class Residual implements Layer {
  readonly output: ExampleShape;
  readonly parameter = undefined;
  readonly capture = undefined;
  readonly #backend: Backend;
  readonly #subsampling: SlidingWindow | undefined;
  #x: Matrix | undefined;

  constructor(
    backend: Backend,
    readonly name: string,
    readonly layers: readonly Layer[],
    subsampling: SlidingWindow | undefined,
  ) {
    this.output = layers[layers.length - 1].output;
    this.#backend = backend;
    this.#subsampling = subsampling;
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const backend = this.#backend;
    this.#x = x;
    const change = forwardThrough(this.layers, x, examples, pass);
    // A new matrix: the last layer of the body may have kept its outputs for the backward pass.
    const out = backend.scratch(change.rows, change.cols);
    if (this.#subsampling === undefined) {
      backend.axpby(out, 1, x, 0);
    } else {
      backend.pool("average", columnsOf(out, 0, x.cols), x, this.#subsampling);
      const missing = columnsOf(out, x.cols, out.cols);
      backend.axpby(missing, 0, missing, 0);
    }
    backend.axpby(out, 1, change, 1);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const backend = this.#backend;
    const all = expectForward(this.name, this.#x);
    let change: Matrix | undefined = g;
    const last = needInput ? 0 : firstTrained(this.layers);
    for (let i = this.layers.length - 1; i >= last && change !== undefined; i--) {
      change = backwardThrough(this.layers[i], change, pass, needInput || i > last);
    }
    if (!needInput || change === undefined) return undefined;
    const x = rowsOf(all, 0, change.rows);
    const out = backend.scratch(x.rows, x.cols);
    if (this.#subsampling === undefined) {
      backend.axpby(out, 1, g, 0);
    } else {
      const shared = columnsOf(g, 0, x.cols);
      // A mean's gradient asks for the shape of what was pooled, not for its numbers.
      backend.poolGradient("average", out, x, shared, shared, this.#subsampling);
    }
    backend.axpby(out, 1, change, 1);
    return out;
  }

  [Symbol.dispose](): void {
    this.layers.forEach((layer) => layer[Symbol.dispose]());
  }
}
