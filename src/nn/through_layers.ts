/**
 * Passes through layers: what a backend cannot do is told with the name of the layer.
 *
 * @module
 */

import { atLayer } from "../core/at_layer.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable, type Parameter } from "../core/parameter.ts";
import { isRecord, type Rule, where } from "../core/schema.ts";
import type { BackwardPass, ForwardPass, Layer, LayerSpec } from "./module.ts";

/** Layers in a row that are not built yet. */
export const layersRule: Rule<readonly LayerSpec[]> = where(
  "a list with at least one layer, such as [dense(10)]",
  (value): value is readonly LayerSpec[] =>
    Array.isArray(value) && value.length > 0 &&
    value.every((spec) => isRecord(spec) && typeof spec.build === "function"),
);

/** All layers in the order of computation; a layer that is made of layers comes after them. */
export function allLayers(layers: readonly Layer[]): Layer[] {
  return layers.flatMap((layer) => [...allLayers(layer.layers ?? []), layer]);
}

/** Index of the first layer with weights to train: no gradient is wanted before it. */
export function firstTrained(layers: readonly Layer[]): number {
  const first = layers.findIndex((layer) =>
    allLayers([layer]).some(({ parameter }) => parameter !== undefined && isTrainable(parameter))
  );
  return first < 0 ? layers.length : first;
}

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
  const own = passOfPlace(layer.parameter, pass);
  return atLayer(layer.name, () => layer.backward(g, own, needInput));
}

/** A pass as one place of shared weights sees it: gradients of all but the first are added to what is there. */
function passOfPlace(parameter: Parameter | undefined, pass: BackwardPass): BackwardPass {
  if (parameter === undefined || pass.kind === "capture" || pass.begun === undefined) return pass;
  if (pass.begun.has(parameter)) return { ...pass, decay: 1 };
  pass.begun.add(parameter);
  return pass;
}
