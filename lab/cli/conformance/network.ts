/**
 * The network of a trajectory, its batches, and the directions that its bases of low rank begin with.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError } from "@tekfac/tekfac/core";
import { LowRankBlock } from "@tekfac/tekfac/curvature";
import type { Group } from "@tekfac/tekfac/distributed";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  type LayerSpec,
  tanh,
  toStoredOrder,
} from "@tekfac/tekfac/nn";
import { KroneckerPreconditioner, type Optimizer } from "@tekfac/tekfac/optim";
import type { Fields, Tensor } from "./fields.ts";
import { batchMatrix } from "./layout.ts";

/** The layers of a case, and the shape of one example: features, or height, width and channels. */
export function networkOf(
  golden: Fields,
): { input: [number] | [number, number, number]; layers: LayerSpec[] } {
  const [, ...shape] = golden.tensor("x").shape;
  const [channels, height, width] = shape;
  return {
    input: shape.length === 1 ? [channels] : [height, width, channels],
    layers: golden.has("layers")
      ? golden.groups("layers").map(layerOf)
      : tanhLayers(golden.tensors("W0", 2), channels),
  };
}

function layerOf(layer: Fields): LayerSpec {
  const type = layer.text("type");
  switch (type) {
    case "dense":
      return dense(layer.number("units"));
    case "conv2d":
      return conv2d(layer.number("channels"), {
        kernel: layer.pair("kernel"),
        stride: layer.pair("stride"),
        padding: layer.pair("padding"),
      });
    case "tanh":
      return tanh();
    case "flatten":
      return flatten();
    default:
      throw new DataError("layers", `'type' must be a layer's that is known: received '${type}'`);
  }
}

/** Dense layers of the golden shapes with tanh between them; a bias where there is a column for it. */
function tanhLayers(weights: readonly Tensor[], features: number): LayerSpec[] {
  return weights.flatMap(({ shape: [outputs, columns] }, l) => {
    const inputs = l === 0 ? features : weights[l - 1].shape[0];
    const layer = dense(outputs, { bias: columns === inputs + 1 });
    return l === weights.length - 1 ? [layer] : [layer, tanh()];
  });
}

/** All examples of a case. */
export function examplesOf(golden: Fields): BatchLike {
  return { inputs: batchMatrix(golden.tensor("x")).data, targets: golden.numbers("labels") };
}

/** The batch of a step: all examples, or the next `size` of them, over and over. */
export function batchAt(all: BatchLike, size: number | undefined, step: number): BatchLike {
  const count = all.targets.length;
  if (size === undefined) return all;
  const features = all.inputs.length / count;
  const chosen = Array.from({ length: size }, (_, i) => (step * size + i) % count);
  const inputs = Array.from(all.inputs);
  const example = (n: number) => inputs.slice(n * features, (n + 1) * features);
  return {
    inputs: chosen.flatMap((n) => example(n)),
    targets: chosen.map((n) => all.targets[n]),
  };
}

/** The examples of a rank: in turn, so that the joined batch is the whole one. */
export function partOf(
  { inputs, targets }: BatchLike,
  { rank, size }: Pick<Group, "rank" | "size">,
): BatchLike {
  const features = inputs.length / targets.length;
  const own = Array.from(targets, (_, n) => n).filter((n) => n % size === rank);
  const example = (n: number) =>
    Array.from({ length: features }, (_, i) => inputs[n * features + i]);
  return { inputs: own.flatMap(example), targets: own.map((n) => targets[n]) };
}

/** Begins the bases of every layer with the directions of a case, where it tells them. */
export function writeFirstBases(
  backend: Backend,
  golden: Fields,
  { preconditioner }: Optimizer<BatchLike>,
): void {
  if (!golden.has("firstBases")) return;
  const blocks = preconditioner instanceof KroneckerPreconditioner
    ? preconditioner.estimator.blocks
    : [];
  golden.groups("firstBases").forEach((bases, l) => {
    const block = blocks[l];
    if (!(block instanceof LowRankBlock)) {
      const expectation = "'firstBases' must belong to layers with a side above the rank";
      throw new DataError("firstBases", `${expectation}: layer ${l + 1} has none`);
    }
    const input = toStoredOrder(block.parameter.layer, bases.tensor("input", 2).data);
    backend.write(block.input.basis, input);
    backend.write(block.output.basis, bases.tensor("output", 2).data);
  });
}
