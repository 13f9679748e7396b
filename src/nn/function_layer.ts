/**
 * Layers without parameters: a function and its derivative.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { BackwardPass, BuildContext, ExampleShape, ForwardPass, Layer } from "./module.ts";
import { expectForward } from "./layer_parameter.ts";

/**
 * A function and its derivative.
 *
 * @typeParam K What the backward pass needs of the forward pass.
 */
export interface FunctionRule<K> {
  /** Shape of one outgoing example. */
  readonly output: ExampleShape;
  /** The outputs, and what to keep for the backward pass. */
  forward(
    x: Matrix,
    examples: number,
    pass: ForwardPass,
  ): { readonly outputs: Matrix; readonly kept: K };
  /** Gradient of the inputs from that of the outputs. */
  backward(g: Matrix, kept: K): Matrix;
}

/** Makes a layer from its rule. */
export function functionLayer<K>(context: BuildContext, rule: FunctionRule<K>): Layer {
  let kept: K | undefined;
  return {
    name: context.name,
    output: rule.output,
    parameter: undefined,
    capture: undefined,
    forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
      const result = rule.forward(x, examples, pass);
      kept = result.kept;
      return result.outputs;
    },
    backward(g: Matrix, _pass: BackwardPass, needInput: boolean): Matrix | undefined {
      const state = expectForward(context.name, kept);
      return needInput ? rule.backward(g, state) : undefined;
    },
    [Symbol.dispose](): void {
      kept = undefined;
    },
  };
}
