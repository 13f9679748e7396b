/**
 * What each class of TensorFlow.js layers is to curvature.
 *
 * @module
 */

import type { Variable } from "npm:@tensorflow/tfjs-core@4.22.0";
import { type ConvGeometry, outHeight, outWidth, type Pair } from "../../core/geometry.ts";
import type { LayerKind } from "../../core/parameter.ts";
import type { LayerUse, Shape, TfLayer, TfWeight } from "./graph.ts";

/** Zeros that are put around images before they are handed over. */
export interface Border {
  /** Before and after the rows. */
  readonly vertical: [number, number];
  /** Before and after the columns. */
  readonly horizontal: [number, number];
}

/** A matrix of a layer, and the variables that it is. */
export interface Part {
  /** What is appended to the layer's name. */
  readonly suffix: string;
  readonly variables: readonly Variable[];
  readonly layer: LayerKind;
  readonly shape: readonly [rows: number, cols: number];
  /** Where the framework's own padding is not the same on both sides. */
  readonly border?: Border;
}

/** How the calls of a layer are watched. */
export type Watch = "affine" | "separable" | "table" | "scaleShift" | "nothing";

/** What a layer is made of. */
export interface Form {
  readonly watch: Watch;
  readonly parts: readonly Part[];
}

/** Classes of layers that are taken apart. */
const KNOWN: ReadonlySet<string> = new Set([
  ...["Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D"],
  ...["Embedding", "LayerNormalization", "BatchNormalization"],
]);

/** What a trained layer is to curvature, or why its weights have no more than a diagonal. */
export function formOf({ layer, shapes, weights: trained }: LayerUse): Form | string {
  const { kernel, bias, depthwiseKernel, pointwiseKernel, embeddings, gamma, beta } = layer;
  const weights = [kernel, depthwiseKernel, pointwiseKernel, bias, embeddings, gamma, beta];
  const own = weights.filter((weight): weight is TfWeight => weight != null);
  const name = layer.getClassName();
  if (!KNOWN.has(name)) return "layers of this class are not taken apart";
  if (own.some((weight) => !trained.includes(weight))) {
    return "some of its weights are frozen, and others are not";
  }
  switch (name) {
    case "Dense":
      return affine(dense(layer, shapes));
    case "Embedding": {
      const table = embeddings!.read();
      const [rows, cols] = table.shape;
      const part = { suffix: "", variables: [table], layer: { kind: "embedding" } as const };
      return { watch: "table", parts: [{ ...part, shape: [rows, cols] }] };
    }
    case "LayerNormalization": {
      const axes = [layer.axis].flat();
      if (axes.length !== 1 || axes[0] !== shapes[0].length - 1) {
        return "it does not normalise along the last axis alone";
      }
      return { watch: "scaleShift", parts: [scales(own, "scaleShift")] };
    }
    case "BatchNormalization":
      return { watch: "nothing", parts: [scales(own, "normalization")] };
    default:
      return convolutional(layer, shapes);
  }
}

function affine(...parts: readonly Part[]): Form {
  return { watch: "affine", parts };
}

/** Kernel and bias, the same at every place of a sequence or image. */
function dense({ kernel, bias }: TfLayer, shapes: readonly Shape[]): Part {
  const variables = [kernel, bias].flatMap((weight) => weight?.read() ?? []);
  const [inputs, outputs] = variables[0].shape;
  const positions = shapes.map((shape) => placesIn(shape));
  const known = positions.every((count) => count !== undefined && count === positions[0]);
  return {
    suffix: "",
    variables,
    layer: {
      kind: "dense",
      bias: bias != null,
      ...(known && shapes[0].length > 2 ? { positions: positions[0]! } : {}),
    },
    shape: [outputs, inputs + (bias == null ? 0 : 1)],
  };
}

/** Rows that an example has in a dense layer, where its shape tells. */
function placesIn(shape: Shape): number | undefined {
  const places = shape.slice(1, -1).reduce((product, size) => (product ?? NaN) * (size ?? NaN), 1);
  return Number.isNaN(places) ? undefined : places!;
}

/** Scales above shifts, or what there is of them. */
function scales(weights: readonly TfWeight[], kind: "scaleShift" | "normalization"): Part {
  const variables = weights.map((weight) => weight.read());
  return { suffix: "", variables, layer: { kind }, shape: [variables.length, variables[0].size] };
}

function convolutional(layer: TfLayer, shapes: readonly Shape[]): Form | string {
  if (layer.dataFormat !== "channelsLast") return "its images are channelsFirst";
  const sizes = shapes[0].slice(1);
  if (sizes.includes(null)) return "its input has no fixed size";
  if (shapes.some((shape) => shape.some((size, axis) => size !== shapes[0][axis]))) {
    return "it is used on inputs of several sizes";
  }
  // A sequence is an image one pixel high.
  const image = (sizes.length === 2 ? [1, ...sizes] : sizes) as [number, number, number];
  const { kernel, bias, depthwiseKernel, pointwiseKernel } = layer;
  const read = (...weights: (TfWeight | null | undefined)[]) =>
    weights.flatMap((weight) => weight?.read() ?? []);
  if (depthwiseKernel == null) {
    const variables = read(kernel, bias);
    return affine(convolution(layer, image, variables, variables[0].shape.at(-1)!));
  }
  const each = depthwiseKernel.read().shape.at(-1)! * image[2];
  if (pointwiseKernel == null) {
    return affine(convolution(layer, image, read(depthwiseKernel, bias), each, image[2]));
  }
  const channels = convolution(layer, image, read(depthwiseKernel), each, image[2]);
  const point = pointwiseKernel.read();
  const filters = point.shape.at(-1)!;
  const between = (channels.layer as Extract<LayerKind, { kind: "conv2d" }>).geometry;
  const geometry: ConvGeometry = {
    ...{ channels: each, height: outHeight(between), width: outWidth(between) },
    ...{ kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    bias: bias != null,
  };
  return {
    watch: "separable",
    parts: [{ ...channels, suffix: "/depthwise" }, {
      suffix: "/pointwise",
      variables: read(pointwiseKernel, bias),
      layer: { kind: "conv2d", geometry },
      shape: [filters, each + (bias == null ? 0 : 1)],
    }],
  };
}

function convolution(
  { kernelSize, strides, dilationRate, padding }: TfLayer,
  [height, width, channels]: readonly [number, number, number],
  variables: readonly Variable[],
  outputs: number,
  groups = 1,
): Part {
  const pair = (
    sizes: readonly number[],
  ): Pair => [sizes.length === 2 ? sizes[0] : 1, sizes.at(-1)!];
  const [kernel, stride, dilation] = [kernelSize, strides, dilationRate].map(pair);
  const around = (axis: 0 | 1, size: number): [number, number] => {
    return padding === "same"
      ? samePadding(size, kernel[axis], stride[axis], dilation[axis])
      : [0, 0];
  };
  const [vertical, horizontal] = [around(0, height), around(1, width)];
  const even = vertical[0] === vertical[1] && horizontal[0] === horizontal[1];
  const geometry: ConvGeometry = {
    ...{ channels, kernel, stride, dilation, bias: variables.length > 1 },
    ...(groups > 1 ? { groups } : {}),
    height: even ? height : height + vertical[0] + vertical[1],
    width: even ? width : width + horizontal[0] + horizontal[1],
    padding: even ? [vertical[0], horizontal[0]] : [0, 0],
  };
  const size = variables.reduce((sum, variable) => sum + variable.size, 0);
  return {
    suffix: "",
    variables,
    layer: { kind: "conv2d", geometry },
    shape: [outputs, size / outputs],
    ...(even ? {} : { border: { vertical, horizontal } }),
  };
}

/** Zeros before and after an axis, of TensorFlow's 'same' padding: `ceil(size / stride)` outputs. */
function samePadding(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
): [before: number, after: number] {
  const span = dilation * (kernel - 1) + 1;
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
