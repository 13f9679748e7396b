/**
 * Layers with a matrix of weights as operations of ONNX.
 *
 * @module
 */

import type { ConvGeometry } from "../../core/geometry.ts";
import { channelsOf } from "../../nn/example_shape.ts";
import type { Layer } from "../../nn/module.ts";
import type { Value } from "./graph.ts";
import { notExported, type Site, windowAttributes } from "./site.ts";

/** `x W^T + b` along the last axis, with a dense layer's weights. */
export function affine(
  x: Value,
  { graph, arrays }: Site,
  { name, output, parameter }: Layer,
): Value {
  const { rows, cols } = parameter!.value;
  const wanted = graph.channelsLast(x);
  const inputs = channelsOf(x.shape);
  const weights = arrays.get(`${name}.weights`)!;
  const transposed = Float32Array.from(
    { length: inputs * rows },
    (_, i) => weights[i % rows * cols + Math.floor(i / rows)],
  );
  const matrix = graph.floats(`${name}.weight`, [inputs, rows], transposed);
  const product = graph.add("MatMul", [wanted.name, matrix]);
  const value = { name: product, shape: output, channelsFirst: false };
  if (cols === inputs) return value;
  const bias = graph.floats(`${name}.bias`, [rows], column(weights, cols, inputs));
  return { ...value, name: graph.add("Add", [product, bias]) };
}

/** A convolution. */
export function convolution(
  x: Value,
  { graph, arrays, layer: { name, output, parameter } }: Site,
): Value {
  const { layer, value } = parameter!;
  const { kernel, channels, bias, ...rest } = (layer as { geometry: ConvGeometry }).geometry;
  const { rows, cols } = value;
  const size = kernel[0] * kernel[1] * channels;
  const numbers = arrays.get(`${name}.weights`)!;
  const filters = Float32Array.from(
    { length: rows * size },
    (_, i) => numbers[Math.floor(i / size) * cols + i % size],
  );
  const inputs = [
    graph.channelsFirst(x).name,
    graph.floats(`${name}.weight`, [rows, channels, ...kernel], filters),
  ];
  if (bias) inputs.push(graph.floats(`${name}.bias`, [rows], column(numbers, cols, size)));
  const attributes = { ...windowAttributes({ kernel, ...rest }), dilations: rest.dilation };
  return { name: graph.add("Conv", inputs, attributes), shape: output, channelsFirst: true };
}

/** Rows of a table, and of one for positions. */
export function embedding(
  x: Value,
  { graph, arrays, options, layer: { name, output, layers } }: Site,
): Value {
  if (options["padding"] !== undefined) throw notExported(name, "with padding");
  const width = channelsOf(output);
  const table = (own: string, rows?: number) => {
    const numbers = arrays.get(`${own}.weights`)!.subarray(0, rows && rows * width);
    return graph.floats(`${own}.weight`, [numbers.length / width, width], numbers);
  };
  const [tokens, positions] = layers ?? [];
  const rows = graph.add("Gather", [table(tokens?.name ?? name), x.name]);
  const value = { name: rows, shape: output, channelsFirst: false };
  if (positions === undefined) return value;
  return { ...value, name: graph.add("Add", [rows, table(positions.name, output[0])]) };
}

/** A column of a matrix of `cols` columns, row by row. */
function column(numbers: Float64Array, cols: number, index: number): Float64Array {
  return numbers.filter((_, i) => i % cols === index);
}
