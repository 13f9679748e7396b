/**
 * Passes through layers: what a backend cannot do is told with the name of the layer.
 *
 * @module
 */

import { atLayer } from "../core/at_layer.ts";
import type { Matrix } from "../core/matrix.ts";
import type { BackwardPass, ForwardPass, Layer } from "./module.ts";

/** Outputs of layers in a row. */
export function forwardThrough(
  layers: readonly Layer[],
  x: Matrix,
  examples: number,
  pass: ForwardPass,
): Matrix {
  return layers.reduce(
    (signal, layer) => atLayer(layer.name, () => layer.forward(signal, examples, pass)),
    x,
  );
}

/** One layer's backward pass. */
export function backwardThrough(
  layer: Layer,
  g: Matrix,
  pass: BackwardPass,
  needInput: boolean,
): Matrix | undefined {
  return atLayer(layer.name, () => layer.backward(g, pass, needInput));
}
