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
 * included), number of weights. Weights that layers share are counted once. Layers inside another come before it, indented. Text is aligned left, numbers right.
 *
 * @param input Shape of one incoming example.
 * @param layers The layers in their order.
 */
export function describeLayers(input: ExampleShape, layers: readonly Layer[]): string {
  const seen = new Set<Parameter>();
  const rows = indented(layers).map(([name, { output, parameter }]) => {
    if (parameter === undefined) return [name, formatShape(output), "", ""];
    if (seen.has(parameter)) return [name, formatShape(output), `of ${parameter.name}`, ""];
    seen.add(parameter);
    const { rows, cols } = parameter.value;
    return [name, formatShape(output), `${rows} x ${cols}`, countOf(parameter)];
  });
  const total = [...seen].reduce((sum, parameter) => sum + countOf(parameter), 0);
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
