/**
 * A model as a table.
 *
 * @module
 */

import type { Parameter } from "../core/parameter.ts";
import { formatTable } from "../core/table.ts";
import { formatShape } from "./example_shape.ts";
import type { ExampleShape, Layer } from "./module.ts";

/**
 * One line per layer: name, shape of one outgoing example, shape of the weights (the bias column
 * included), number of weights. Layers inside another come before it, indented. Text is aligned left, numbers right.
 *
 * @param input Shape of one incoming example.
 * @param layers The layers in their order.
 */
export function describeLayers(input: ExampleShape, layers: readonly Layer[]): string {
  const rows = indented(layers).map(([name, { output, parameter }]) => {
    const shape = parameter && `${parameter.value.rows} x ${parameter.value.cols}`;
    return [name, formatShape(output), shape ?? "", parameter ? countOf(parameter) : ""];
  });
  const total = indented(layers).reduce(
    (sum, [, { parameter }]) => sum + (parameter ? countOf(parameter) : 0),
    0,
  );
  return formatTable(
    ["layer", "output", "weights", "parameters"],
    [["input", formatShape(input), "", ""], ...rows, ["total", "", "", total]],
  );
}

/** All layers with their names; those inside another before it, further to the right. */
function indented(layers: readonly Layer[]): (readonly [name: string, layer: Layer])[] {
  return layers.flatMap((layer) => [
    ...indented(layer.layers ?? []).map(([name, inner]) => [`  ${name}`, inner] as const),
    [layer.name, layer] as const,
  ]);
}

function countOf({ value: { rows, cols } }: Parameter): number {
  return rows * cols;
}
