/**
 * A model as an ONNX file.
 *
 * @module
 */

import { checkFinite } from "../../core/array_checks.ts";
import { StateError } from "../../core/errors.ts";
import { checkKnownKeys } from "../../core/options.ts";
import type { Normalization } from "../../data/normalization.ts";
import type { ModelDescription } from "../../model/description.ts";
import { describedModel, type DescribeOptions } from "../../model/described_model.ts";
import type { KeptModel } from "../../model/kept_model.ts";
import { mergeAdapters } from "../../nn/adapters.ts";
import type { Architecture } from "../../nn/architecture.ts";
import type { ModelObjective } from "../../nn/model_objective.ts";
import type { Sequential } from "../../nn/sequential.ts";
import { toPublicOrder } from "../../nn/weights.ts";
import { GraphBuilder, type Value } from "./graph.ts";
import { addLayers } from "./layers.ts";
import { encodeModel, type OnnxPort } from "./protobuf.ts";

/** Version of ONNX's operators that are used; runtimes know them since the end of 2023. */
const OPERATORS = 20;

/**
 * An ONNX file (operators of version 20) that predicts what the model predicts, standardization included.
 *
 * It takes one tensor, `inputs` [examples, ...shape of one example]: numbers as they were before standardization, images
 * channels last with brightness in [0, 1], tokens as int32. It gives `outputs`, which are logits of classes or numbers
 * in the units of the targets, and `probabilities` where there are classes. The names of the classes are in the
 * metadata under `labels`, as a JSON list; what outputs are (`softmax`, `sigmoid`, `numbers`) under `outputs`.
 *
 * Numbers are of single precision, and other runtimes add in another order: outputs agree to rounding.
 * Adapters of low rank are merged with their layers.
 *
 * @param source A model that was kept, one that is being trained, or one joined with its loss.
 * @param options Labels, standardization and kind of outputs; of a kept model, what it says itself.
 * @returns The bytes of a file.
 * @throws {OptionError} When an option is unknown, or does not fit the model.
 * @throws {StateError} When a layer has no operations (a custom one), or a weight is not finite.
 */
export async function toOnnx(
  source: Sequential | ModelObjective | KeptModel,
  options: DescribeOptions = {},
): Promise<Uint8Array> {
  const subject = "Cannot export a model";
  checkKnownKeys(subject, options, ["labels", "standardization", "outputs"]);
  const { model, description } = describedModel(subject, source, options);
  if (model.architecture === undefined) {
    throw new StateError(`${subject} of layers that were built by hand: make it by sequential()`);
  }
  if (!model.architecture.includes('"kind":"lora"')) return await exported(model, description);
  const merged = mergeAdapters(model);
  try {
    return await exported(merged, description);
  } finally {
    merged[Symbol.dispose]();
  }
}

async function exported(model: Sequential, description: ModelDescription): Promise<Uint8Array> {
  const { layers }: Architecture = JSON.parse(model.architecture!);
  const arrays = await arraysOf(model);
  checkFinite(
    "Cannot export a model",
    Object.fromEntries([...arrays].map(([name, data]) => [name, { shape: [data.length], data }])),
  );

  const graph = new GraphBuilder();
  const { outputs: kind, labels, standardization } = description;
  const tokens = layers[0].kind === "embedding";
  let value: Value = { name: "inputs", shape: model.input, channelsFirst: false };
  if (standardization !== undefined) value = standardized(graph, value, standardization.inputs);
  value = graph.channelsLast(
    addLayers(value, model.layers, layers, { graph, arrays, known: new Map() }),
  );
  const { name, shape } = standardization?.targets === undefined
    ? value
    : denormalized(graph, value, standardization.targets);
  graph.add("Identity", [name], {}, "outputs");
  const outputs: OnnxPort[] = [{ name: "outputs", type: "float", shape }];
  if (kind !== "numbers") {
    const [operation, attributes] = kind === "softmax"
      ? ["Softmax", { axis: -1 }]
      : ["Sigmoid", {}];
    graph.add(operation, ["outputs"], attributes, "probabilities");
    outputs.push({ name: "probabilities", type: "float", shape });
  }
  return encodeModel({
    ...graph,
    operators: OPERATORS,
    inputs: [{ name: "inputs", type: tokens ? "int32" : "float", shape: model.input }],
    outputs,
    metadata: { outputs: kind, ...labels && { labels: JSON.stringify(labels) } },
  });
}

/** `(x - mean) / deviation`; 0 where a number is missing. */
function standardized(graph: GraphBuilder, x: Value, by: Normalization): Value {
  const { mean, deviation } = tensorsOf(graph, "inputs", by);
  const scaled = graph.add("Div", [graph.add("Sub", [x.name, mean]), deviation]);
  const missing = graph.add("IsNaN", [x.name]);
  return { ...x, name: graph.add("Where", [missing, graph.float(0), scaled]) };
}

/** `mean + deviation * z`. */
function denormalized(graph: GraphBuilder, z: Value, by: Normalization): Value {
  const { mean, deviation } = tensorsOf(graph, "targets", by);
  return { ...z, name: graph.add("Add", [graph.add("Mul", [z.name, deviation]), mean]) };
}

function tensorsOf(graph: GraphBuilder, of: string, { mean, deviation }: Normalization) {
  const row = (key: string, numbers: readonly number[]) =>
    graph.floats(`${of}.${key}`, [numbers.length], numbers);
  return { mean: row("mean", mean), deviation: row("deviation", deviation) };
}

/** Weights in the public order, and running moments, by name. */
async function arraysOf({ backend, parameters, state }: Sequential) {
  const read = () =>
    Promise.all([
      ...parameters.map(async ({ name, layer, value }) =>
        [`${name}.weights`, toPublicOrder(layer, await backend.read(value))] as const
      ),
      ...Object.entries(state).map(async ([name, matrix]) =>
        [name, Float64Array.from(await backend.read(matrix))] as const
      ),
    ]);
  return new Map(await backend.reading(read));
}
