/**
 * How other frameworks name and lay out the weights of a layer.
 *
 * @module
 */

import type { ConvGeometry } from "../core/geometry.ts";
import type { LayerParameter } from "../nn/module.ts";

/** Whose habits a file follows. */
export type ForeignLayout = "pytorch" | "tensorflow";

/** An array of a file, and where its numbers go. */
export interface Part {
  /** Its name in the file. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Which matrix of the layer: weights in the public order, or running moments. */
  readonly target: "weights" | "runningMoments";
  /** Place of the i-th number in that matrix, row by row. */
  at(i: number): number;
}

/** A layer with a parameter, and what it is called elsewhere. */
export interface ForeignLayer {
  readonly parameter: LayerParameter;
  /** Name of the module in the file. */
  readonly module: string;
  /** Which projection of a module for attention, whose two have names of their own. */
  readonly projection?: "qkv" | "out";
  /** Place here of the i-th feature that comes in, where the other framework flattens in another order. */
  readonly feature?: ((i: number) => number) | undefined;
}

/** The arrays that a layer's numbers come from. */
export function partsOf(layout: ForeignLayout, layer: ForeignLayer): Part[] {
  return layout === "pytorch" ? pytorch(layer) : tensorflow(layer);
}

function pytorch({ parameter, module, projection, feature = same }: ForeignLayer): Part[] {
  const { layer, value: { rows, cols } } = parameter;
  const prefix = projection === "out" ? `${module}.out_proj.` : `${module}.`;
  const named = projection === "qkv" ? "in_proj_" : "";
  const part = partMaker(`${prefix}${named}`);
  switch (layer.kind) {
    case "dense": {
      const inputs = cols - +layer.bias;
      const at = (i: number) => Math.floor(i / inputs) * cols + feature(i % inputs);
      const weight = part("weight", [rows, inputs], at);
      return layer.bias ? [weight, part("bias", [rows], lastOf(cols))] : [weight];
    }
    case "conv2d": {
      const { channels, kernel, bias } = layer.geometry;
      const inputs = cols - +bias;
      const at = (i: number) => Math.floor(i / inputs) * cols + i % inputs;
      const weight = part("weight", [rows, channels, ...kernel], at);
      return bias ? [weight, part("bias", [rows], lastOf(cols))] : [weight];
    }
    case "normalization":
    case "scaleShift":
      return norm(parameter, part, feature, ["weight", "bias", "running_mean", "running_var"]);
    case "embedding":
      return [part("weight", [rows, cols], same)];
    case "other":
      return [];
  }
}

function tensorflow({ parameter, module }: ForeignLayer): Part[] {
  const { layer, value: { rows, cols } } = parameter;
  const part = partMaker(`${module}/`);
  switch (layer.kind) {
    case "dense": {
      const at = (i: number) => i % rows * cols + Math.floor(i / rows);
      const kernel = part("kernel", [cols - +layer.bias, rows], at);
      return layer.bias ? [kernel, part("bias", [rows], lastOf(cols))] : [kernel];
    }
    case "conv2d": {
      const { channels, kernel, bias } = layer.geometry;
      const at = (i: number) => i % rows * cols + patchPlace(layer.geometry, Math.floor(i / rows));
      const weight = part("kernel", [...kernel, channels, rows], at);
      return bias ? [weight, part("bias", [rows], lastOf(cols))] : [weight];
    }
    case "normalization":
    case "scaleShift":
      return norm(parameter, part, same, ["gamma", "beta", "moving_mean", "moving_variance"]);
    case "embedding":
      return [part("embeddings", [rows, cols], same)];
    case "other":
      return [];
  }
}

type PartMaker = (name: string, shape: readonly number[], at: Part["at"]) => Part;

function partMaker(prefix: string): PartMaker {
  return (name, shape, at) => ({ name: prefix + name, shape, target: "weights", at });
}

/** Scales, shifts where there are any, and the moments of those that run. */
function norm(
  { layer, value: { rows, cols } }: LayerParameter,
  part: PartMaker,
  feature: Part["at"],
  [scale, shift, mean, variance]: readonly string[],
): Part[] {
  const second = (i: number) => cols + feature(i);
  const parts = [part(scale, [cols], feature), part(shift, [cols], second)].slice(0, rows);
  if (layer.kind !== "normalization") return parts;
  const target = "runningMoments" as const;
  const moments = [part(mean, [cols], same), part(variance, [cols], second)];
  return [...parts, ...moments.map((each) => ({ ...each, target }))];
}

/** Place among (channel, kernel row, kernel column) of the i-th of (kernel row, kernel column, channel). */
function patchPlace({ channels, kernel: [height, width] }: ConvGeometry, i: number): number {
  return i % channels * height * width + Math.floor(i / channels);
}

function same(i: number): number {
  return i;
}

/** The last of so many columns. */
function lastOf(cols: number): (row: number) => number {
  return (row) => row * cols + cols - 1;
}
