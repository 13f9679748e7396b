/**
 * Each kind of layer as operations of ONNX, as it predicts: normalisations by their running moments, no dropout.
 *
 * @module
 */

import { StateError } from "../../core/errors.ts";
import type { Pair } from "../../core/geometry.ts";
import type { LayerDescription } from "../../nn/architecture.ts";
import { channelsOf, sizeOf } from "../../nn/example_shape.ts";
import type { Layer } from "../../nn/module.ts";
import {
  affine,
  convolution,
  embedding,
  sequenceConvolution,
  transposedConvolution,
} from "./affine.ts";
import { attention } from "./attention.ts";
import type { Value } from "./graph.ts";
import { batchNorm, groupNorm, layerNorm, rmsNorm } from "./norms.ts";
import { type Rule, type Site, windowAttributes } from "./site.ts";

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["attention", attention],
  ["averagePool", pool("AveragePool", { count_include_pad: 0 })],
  ["batchNorm", batchNorm],
  ["concatenate", concatenate],
  ["conv", convolution],
  ["conv1d", sequenceConvolution],
  ["convTranspose", transposedConvolution],
  ["dense", (x, site) => affine(x, site, site.layer)],
  ["dropout", (x) => x],
  ["embedding", embedding],
  ["flatten", flatten],
  ["gelu", gelu],
  ["globalAveragePool", globalAveragePool],
  ["groupNorm", groupNorm],
  ["lastPosition", lastPosition],
  ["layerNorm", layerNorm],
  ["maxPool", pool("MaxPool")],
  ["meanPositions", meanPositions],
  ["relu", elementwise("Relu")],
  ["residual", residual],
  ["rmsNorm", rmsNorm],
  ["sigmoid", elementwise("Sigmoid")],
  ["silu", silu],
  ["softmax", softmax],
  ["softplus", elementwise("Softplus")],
  ["tanh", elementwise("Tanh")],
  ["tiedHead", (x, site) => affine(x, site, site.layer)],
]);

/**
 * Adds layers that follow one another.
 *
 * @param descriptions What they were made with, one for each.
 * @throws {StateError} When a layer is of a kind that is not known here; names it.
 */
export function addLayers(
  x: Value,
  layers: readonly Layer[],
  descriptions: readonly LayerDescription[],
  site: Pick<Site, "graph" | "arrays" | "known">,
): Value {
  return layers.reduce((value, layer, i) => {
    const given = descriptions[i];
    const again = given.kind === "again" ? site.known.get(given.options?.["id"]) : undefined;
    const { kind, options = {}, id } = again ?? given;
    if (id !== undefined) site.known.set(id, again ?? given);
    const rule = RULES.get(kind);
    if (rule !== undefined) return rule(value, { ...site, layer, options });
    throw new StateError(
      `Cannot export '${layer.name}': layers of kind '${kind}' have no ONNX operations here; ` +
        `those that have are ${[...RULES.keys()].join(", ")}`,
    );
  }, x);
}

function pool(op: string, extra: Readonly<Record<string, number>> = {}): Rule {
  return (x, { graph, options, layer: { output } }) => {
    const pair = (value: unknown): Pair =>
      typeof value === "number" ? [value, value] : value as Pair;
    const { kernel, stride = kernel, padding } = options;
    const window = { kernel: pair(kernel), stride: pair(stride), padding: pair(padding) };
    const attributes = { ...windowAttributes(window), ...extra };
    const name = graph.add(op, [graph.channelsFirst(x).name], attributes);
    return { name, shape: output, channelsFirst: true };
  };
}

function globalAveragePool(x: Value, { graph, layer: { output } }: Site): Value {
  const axes = graph.integers([2, 3]);
  const name = graph.add("ReduceMean", [graph.channelsFirst(x).name, axes], { keepdims: 0 });
  return { name, shape: output, channelsFirst: false };
}

function softmax(x: Value, { graph }: Site): Value {
  const last = graph.channelsLast(x);
  return { ...last, name: graph.add("Softmax", [last.name], { axis: -1 }) };
}

function flatten(x: Value, { graph, layer: { output } }: Site): Value {
  const shape = graph.integers([0, sizeOf(output)]);
  const name = graph.add("Reshape", [graph.channelsLast(x).name, shape]);
  return { name, shape: output, channelsFirst: false };
}

function meanPositions(x: Value, { graph, layer: { output } }: Site): Value {
  const name = graph.add("ReduceMean", [x.name, graph.integers([1])], { keepdims: 0 });
  return { ...x, name, shape: output };
}

function lastPosition(x: Value, { graph, layer: { output } }: Site): Value {
  const last = graph.integers([x.shape[0] - 1], []);
  return { ...x, name: graph.add("Gather", [x.name, last], { axis: 1 }), shape: output };
}

function elementwise(op: string): Rule {
  return (x, { graph }) => ({ ...x, name: graph.add(op, [x.name]) });
}

function gelu(x: Value, { graph, options }: Site): Value {
  const approximate = options["form"] === "tanh" ? "tanh" : "none";
  return { ...x, name: graph.add("Gelu", [x.name], { approximate }) };
}

function silu(x: Value, { graph }: Site): Value {
  return { ...x, name: graph.add("Mul", [x.name, graph.add("Sigmoid", [x.name])]) };
}

/** Branches, images in the order of convolutions. */
function concatenate(x: Value, site: Site): Value {
  const { graph, layer: { layers = [], output }, options } = site;
  const image = output.length === 3;
  let next = 0;
  const branches = (options["branches"] as LayerDescription[][]).map((branch) => {
    const own = layers.slice(next, next += branch.length);
    const value = addLayers(x, own, branch, site);
    return image ? graph.channelsFirst(value) : graph.channelsLast(value);
  });
  const inputs = branches.map(({ name }) => name);
  const name = graph.add("Concat", inputs, { axis: image ? 1 : -1 });
  return { name, shape: output, channelsFirst: image };
}

function residual(x: Value, site: Site): Value {
  const { graph, layer: { layers, output }, options } = site;
  const image = output.length === 3;
  const start = image ? graph.channelsFirst(x) : x;
  const end = addLayers(start, layers!, options["body"] as LayerDescription[], site);
  const change = image ? graph.channelsFirst(end) : end;
  let shortcut = start.name;
  if (output.join() !== x.shape.join()) {
    // Option A of residual(): every s-th pixel, and zeros for the channels that x does not have.
    const steps = [0, 1].map((axis) => Math.ceil(x.shape[axis]! / output[axis]!));
    const [from, to] = [[0, 0], [x.shape[0], x.shape[1]!]];
    const slice = [from, to, [2, 3], steps].map((numbers) => graph.integers(numbers));
    const pixels = graph.add("Slice", [shortcut, ...slice]);
    const missing = channelsOf(output) - channelsOf(x.shape);
    shortcut = graph.add("Pad", [pixels, graph.integers([0, 0, 0, 0, 0, missing, 0, 0])]);
  }
  return { ...change, name: graph.add("Add", [shortcut, change.name]), shape: output };
}
