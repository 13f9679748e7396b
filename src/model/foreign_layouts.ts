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
  /** Whether it is a convolution of sequences. */
  readonly sequence?: boolean;
  /** Whether it is a transposed convolution, whose weights others keep as those of the map back. */
  readonly transposed?: boolean;
  /** Place here of the i-th feature that comes in, where the other framework flattens in another order. */
  readonly feature?: ((i: number) => number) | undefined;
}

/** The arrays that a layer's numbers come from. */
export function partsOf(layout: ForeignLayout, layer: ForeignLayer): Part[] {
  const { name, value: { rows, cols } } = layer.parameter;
  // A head that is tied to a table makes a dense layer of it, for the curvature.
  if (/^(embedding|position)\d+$/.test(name)) {
    const part = layout === "pytorch" ? ".weight" : "/embeddings";
    return [partMaker(layer.module)(part, [rows, cols], same)];
  }
  return layout === "pytorch" ? pytorch(layer) : tensorflow(layer);
}

function pytorch(
  { parameter, module, projection, sequence, transposed, feature = same }: ForeignLayer,
): Part[] {
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
      const { channels, groups = 1, bias } = layer.geometry;
      const kernel = layer.geometry.kernel.slice(sequence ? 1 : 0);
      const inputs = cols - +bias;
      const at = (i: number) => Math.floor(i / inputs) * cols + i % inputs;
      const weight = transposed
        ? part("weight", [channels, rows / groups, ...kernel], turned(parameter, layer.geometry))
        : part("weight", [rows, channels / groups, ...kernel], at);
      return bias ? [weight, part("bias", [rows], lastOf(cols))] : [weight];
    }
    case "normalization":
    case "scaleShift":
      return norm(parameter, part, feature, ["weight", "bias", "running_mean", "running_var"]);
    case "embedding":
    case "other":
      return [];
  }
}

function tensorflow({ parameter, module, sequence, transposed }: ForeignLayer): Part[] {
  const { layer, value: { rows, cols } } = parameter;
  const part = partMaker(`${module}/`);
  switch (layer.kind) {
    case "dense": {
      const at = (i: number) => i % rows * cols + Math.floor(i / rows);
      const kernel = part("kernel", [cols - +layer.bias, rows], at);
      return layer.bias ? [kernel, part("bias", [rows], lastOf(cols))] : [kernel];
    }
    case "conv2d": {
      const { channels, groups = 1, bias } = layer.geometry;
      const kernel = layer.geometry.kernel.slice(sequence ? 1 : 0);
      const at = (i: number) => i % rows * cols + patchPlace(layer.geometry, Math.floor(i / rows));
      const back = turned(parameter, layer.geometry);
      const area = kernel.reduce((product, size) => product * size, 1);
      const weight = transposed
        // [height, width, out, in] there; the other order has [in, out, height, width].
        ? part("kernel", [...kernel, rows, channels], (i) => {
          const [place, out, input] = [
            Math.floor(i / (rows * channels)),
            Math.floor(i / channels) % rows,
            i % channels,
          ];
          return back((input * rows + out) * area + place);
        })
        : part("kernel", [...kernel, channels / groups, rows], at);
      return bias ? [weight, part("bias", [rows], lastOf(cols))] : [weight];
    }
    case "normalization":
    case "scaleShift":
      return norm(parameter, part, same, ["gamma", "beta", "moving_mean", "moving_variance"]);
    case "embedding":
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

/** Place of the i-th of [in, out of a group, height, width], windows turned round. */
function turned(
  { value: { rows, cols } }: LayerParameter,
  { channels, groups = 1, kernel: [height, width] }: ConvGeometry,
): Part["at"] {
  const [ins, outs, area] = [channels / groups, rows / groups, height * width];
  return (i) => {
    const input = Math.floor(i / (outs * area));
    const row = Math.floor(input / ins) * outs + Math.floor(i / area) % outs;
    return row * cols + input % ins * area + area - 1 - i % area;
  };
}

/** Place among (channel, kernel row, kernel column) of the i-th of (kernel row, kernel column, channel). */
function patchPlace(
  { channels, groups = 1, kernel: [height, width] }: ConvGeometry,
  i: number,
): number {
  const own = channels / groups;
  return i % own * height * width + Math.floor(i / own);
}

function same(i: number): number {
  return i;
}

/** The last of so many columns. */
function lastOf(cols: number): (row: number) => number {
  return (row) => row * cols + cols - 1;
}
