/**
 * Layers with a matrix of weights as operations of ONNX.
 *
 * @module
 */

import type { ConvGeometry, Pair } from "../../core/geometry.ts";
import { channelsOf } from "../../nn/example_shape.ts";
import type { Layer } from "../../nn/module.ts";
import { sequencePadding } from "../../nn/sequence_padding.ts";
import type { Value } from "./graph.ts";
import { notExported, type Site, windowAttributes } from "./site.ts";

/** `x W^T + b` along the last axis, with a dense layer's weights. */
export function affine(
  x: Value,
  { graph, arrays }: Site,
  { output, parameter }: Layer,
): Value {
  const { name, value: { rows, cols } } = parameter!;
  const wanted = graph.channelsLast(x);
  const inputs = channelsOf(x.shape);
  const weights = arrays.get(`${name}.weights`)!;
  const transposed = Float32Array.from(
    { length: inputs * rows },
    (_, i) => weights[i % rows * cols + Math.floor(i / rows)],
  );
  const matrix = graph.floats(`${name}.transposed`, [inputs, rows], transposed);
  const product = graph.add("MatMul", [wanted.name, matrix]);
  const value = { name: product, shape: output, channelsFirst: false };
  if (cols === inputs) return value;
  const bias = graph.floats(`${name}.bias`, [rows], column(weights, cols, inputs));
  return { ...value, name: graph.add("Add", [product, bias]) };
}

/** A convolution. */
export function convolution(x: Value, site: Site): Value {
  const { graph, layer: { output, parameter } } = site;
  const { geometry } = parameter!.layer as { readonly geometry: ConvGeometry };
  const { kernel, dilation, groups = 1 } = geometry;
  const attributes = { ...windowAttributes(geometry), dilations: dilation, group: groups };
  const inputs = [graph.channelsFirst(x).name, ...filters(site, geometry, kernel)];
  return { name: graph.add("Conv", inputs, attributes), shape: output, channelsFirst: true };
}

/** A convolution of sequences, between zeros that may differ in front and behind. */
export function sequenceConvolution(x: Value, site: Site): Value {
  const { graph, layer: { output, parameter }, options } = site;
  const { geometry } = parameter!.layer as { readonly geometry: ConvGeometry };
  const window = options as unknown as Parameters<typeof sequencePadding>[1];
  const { kernel, stride, dilation } = window;
  const attributes = {
    ...{ kernel_shape: [kernel], strides: [stride], dilations: [dilation] },
    ...{ pads: sequencePadding(x.shape[0], window) },
    group: geometry.groups ?? 1,
  };
  const turned = graph.add("Transpose", [x.name], { perm: [0, 2, 1] });
  const convolved = graph.add("Conv", [turned, ...filters(site, geometry, [kernel])], attributes);
  const name = graph.add("Transpose", [convolved], { perm: [0, 2, 1] });
  return { name, shape: output, channelsFirst: false };
}

/** A transposed convolution. ONNX has the weights of the map back: windows turned round, sides exchanged. */
export function transposedConvolution(x: Value, site: Site): Value {
  const { graph, arrays, layer: { name, output, parameter }, options } = site;
  const { geometry } = parameter!.layer as { readonly geometry: ConvGeometry };
  const { kernel: [height, width], channels, groups = 1, bias } = geometry;
  const { rows, cols } = parameter!.value;
  const numbers = arrays.get(`${name}.weights`)!;
  const [ins, outs, area] = [channels / groups, rows / groups, height * width];
  const weights = Float32Array.from({ length: channels * outs * area }, (_, i) => {
    const [input, out, place] = [
      Math.floor(i / (outs * area)),
      Math.floor(i / area) % outs,
      i % area,
    ];
    const row = Math.floor(input / ins) * outs + out;
    return numbers[row * cols + input % ins * area + area - 1 - place];
  });
  const inputs = [
    graph.channelsFirst(x).name,
    graph.floats(`${name}.weight`, [channels, outs, height, width], weights),
    ...bias ? [graph.floats(`${name}.bias`, [rows], column(numbers, cols, cols - 1))] : [],
  ];
  const pair = (value: unknown): Pair => typeof value === "number" ? [value, value] : value as Pair;
  const [stride, padding] = [pair(options["stride"]), pair(options["padding"])];
  const attributes = {
    ...windowAttributes({ kernel: [height, width], stride, padding }),
    group: groups,
  };
  return {
    name: graph.add("ConvTranspose", inputs, attributes),
    shape: output,
    channelsFirst: true,
  };
}

/** Names of the weights [dOut, channels of a group, ...kernel], and of the bias where there is one. */
function filters(
  { graph, arrays, layer: { name, parameter } }: Site,
  { bias, channels, groups = 1 }: ConvGeometry,
  kernel: readonly number[],
): string[] {
  const { rows, cols } = parameter!.value;
  const size = cols - +bias;
  const numbers = arrays.get(`${name}.weights`)!;
  const weights = Float32Array.from(
    { length: rows * size },
    (_, i) => numbers[Math.floor(i / size) * cols + i % size],
  );
  const matrix = graph.floats(`${name}.weight`, [rows, channels / groups, ...kernel], weights);
  if (!bias) return [matrix];
  return [matrix, graph.floats(`${name}.bias`, [rows], column(numbers, cols, size))];
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
