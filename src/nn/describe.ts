/**
 * A model as a table.
 *
 * @module
 */

import { formatShape } from "./example_shape.ts";
import type { ExampleShape, Layer } from "./module.ts";

/**
 * One line per layer: name, shape of one outgoing example, shape of the weights (the bias column
 * included), number of weights. Text is aligned left, numbers right.
 *
 * @param input Shape of one incoming example.
 * @param layers The layers in their order.
 */
export function describeLayers(input: ExampleShape, layers: readonly Layer[]): string {
  let total = 0;
  const rows = [["layer", "output", "weights", "parameters"], [
    "input",
    formatShape(input),
    "",
    "",
  ]];
  for (const { name, output, parameter } of layers) {
    if (parameter === undefined) {
      rows.push([name, formatShape(output), "", ""]);
      continue;
    }
    const { rows: outputs, cols } = parameter.value;
    total += outputs * cols;
    rows.push([name, formatShape(output), `${outputs} x ${cols}`, grouped(outputs * cols)]);
  }
  rows.push(["total", "", "", grouped(total)]);
  const widths = rows[0].map((_, col) => Math.max(...rows.map((row) => row[col].length)));
  return rows.map(([name, output, weights, count]) =>
    [
      name.padEnd(widths[0]),
      output.padEnd(widths[1]),
      weights.padEnd(widths[2]),
      count.padStart(widths[3]),
    ].join("  ").trimEnd()
  ).join("\n");
}

/** 12,345 for 12345, whatever the user's locale. */
function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
