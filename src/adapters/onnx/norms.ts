/**
 * Normalisations as operations of ONNX.
 *
 * @module
 */

import { channelsOf } from "../../nn/example_shape.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import type { Site } from "./site.ts";

/** By running moments. */
export function batchNorm(x: Value, { graph, arrays, options, layer: { name } }: Site): Value {
  const value = graph.channelsFirst(x);
  const channels = channelsOf(x.shape);
  const rows = ["weights", "runningMoments"].flatMap((key) => {
    const numbers = arrays.get(`${name}.${key}`)!;
    return [numbers.subarray(0, channels), numbers.subarray(channels)];
  });
  const inputs = ["scale", "shift", "mean", "variance"].map((key, i) =>
    graph.floats(`${name}.${key}`, [channels], rows[i])
  );
  const epsilon = { float: options["epsilon"] as number };
  return { ...value, name: graph.add("BatchNormalization", [value.name, ...inputs], { epsilon }) };
}

/** Of every position for itself. */
export function layerNorm(x: Value, { graph, arrays, options, layer: { name } }: Site): Value {
  const value = graph.channelsLast(x);
  const { scale, shift } = scaleAndShift(graph, name, arrays, channelsOf(x.shape));
  const inputs = [value.name, scale, ...shift === undefined ? [] : [shift]];
  const attributes = { axis: -1, epsilon: { float: options["epsilon"] as number } };
  return { ...value, name: graph.add("LayerNormalization", inputs, attributes) };
}

/** The same without the mean; an operator of its own is newer than what most runtimes have. */
export function rmsNorm(x: Value, { graph, arrays, options, layer: { name } }: Site): Value {
  const value = graph.channelsLast(x);
  const { scale, shift } = scaleAndShift(graph, name, arrays, channelsOf(x.shape));
  const squares = graph.add("Mul", [value.name, value.name]);
  const mean = graph.add("ReduceMean", [squares, graph.integers([-1])], { keepdims: 1 });
  const safe = graph.add("Add", [mean, graph.float(options["epsilon"] as number)]);
  const unit = graph.add("Div", [value.name, graph.add("Sqrt", [safe])]);
  const scaled = graph.add("Mul", [unit, scale]);
  return { ...value, name: shift === undefined ? scaled : graph.add("Add", [scaled, shift]) };
}

function scaleAndShift(
  graph: GraphBuilder,
  name: string,
  arrays: Site["arrays"],
  channels: number,
): { readonly scale: string; readonly shift: string | undefined } {
  const numbers = arrays.get(`${name}.weights`)!;
  const row = (key: string, from: number) =>
    graph.floats(`${name}.${key}`, [channels], numbers.subarray(from, from + channels));
  const scale = row("scale", 0);
  return { scale, shift: numbers.length > channels ? row("shift", channels) : undefined };
}

/** Every group of an example's channels for itself: an instance normalisation of G channels, then the scales. */
export function groupNorm(x: Value, { graph, arrays, options, layer: { name } }: Site): Value {
  const groups = options["groups"] as number;
  const channels = channelsOf(x.shape);
  const places = x.shape.slice(0, -1);
  const sequence = places.length === 1;
  const first = places.length === 2
    ? graph.channelsFirst(x).name
    : sequence
    ? graph.add("Transpose", [x.name], { perm: [0, 2, 1] })
    : x.name;
  const rows = graph.add("Reshape", [first, graph.integers([0, groups, -1])]);
  const units = [1, 0].map((value) =>
    graph.floats(`groups.${groups}.${value}`, [groups], new Float64Array(groups).fill(value))
  );
  const epsilon = { float: options["epsilon"] as number };
  const normal = graph.add("InstanceNormalization", [rows, ...units], { epsilon });
  let out = graph.add("Reshape", [normal, graph.integers([0, channels, ...places])]);
  const numbers = arrays.get(`${name}.weights`)!;
  const row = (key: string, from: number) => {
    const shape = [channels, ...places.map(() => 1)];
    return graph.floats(`${name}.${key}`, shape, numbers.subarray(from, from + channels));
  };
  out = graph.add("Mul", [out, row("scale", 0)]);
  if (numbers.length > channels) out = graph.add("Add", [out, row("shift", channels)]);
  if (sequence) out = graph.add("Transpose", [out], { perm: [0, 2, 1] });
  return { ...x, name: out, channelsFirst: places.length === 2 };
}
