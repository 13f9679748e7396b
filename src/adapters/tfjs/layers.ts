/**
 * What a TensorFlow.js model looks like to curvature: which of its layers leave captures, and how
 * their variables become the matrices of this library.
 *
 * @module
 */

import type { Tensor, Variable } from "npm:@tensorflow/tfjs-core@4.22.0";
import type { LayersModel } from "npm:@tensorflow/tfjs-layers@4.22.0";
import { StateError } from "../../core/errors.ts";
import type { ConvGeometry, Pair } from "../../core/geometry.ts";
import { groupsBlock } from "../../curvature/blocks/groups_block.ts";
import type { ExternalParameter } from "../../optim/external_parameter.ts";

/** The parts of a layer that the adapter touches; some are protected in the framework's types. */
export interface TfLayer {
  readonly name: string;
  readonly trainableWeights: readonly TfWeight[];
  getClassName(): string;
  call(inputs: Tensor | Tensor[], kwargs: unknown): Tensor | Tensor[];
  /** Dense and convolutional layers: */
  activation: TfActivation;
  kernel: TfWeight;
  bias: TfWeight | null;
  readonly kernelRegularizer?: unknown;
  readonly biasRegularizer?: unknown;
  readonly depthwiseRegularizer?: unknown;
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
  readonly padding: string;
  readonly dataFormat: string;
  /** Models used as layers: */
  readonly layers?: readonly TfLayer[];
  readonly inputs?: readonly unknown[];
  readonly built: boolean;
  readonly nodesByDepth?: Readonly<Record<string, readonly TfNode[]>>;
  build(): void;
}

/** A weight of a layer. */
export interface TfWeight {
  readonly originalName: string;
  read(): Tensor;
}

/** An activation function as an object. */
export interface TfActivation {
  getClassName(): string;
  apply(x: Tensor): Tensor;
}

/** One use of a layer in a model's graph. */
interface TfNode {
  readonly outboundLayer: TfLayer;
  readonly inputShapes: readonly (readonly (number | null)[])[];
}

/** Zeros that are put around images before they are handed over. */
export interface Border {
  /** Before and after the rows. */
  readonly vertical: [number, number];
  /** Before and after the columns. */
  readonly horizontal: [number, number];
}

/** One trainable matrix of this library, and the variables of the model that it is. */
export interface Site {
  /** The layer whose call is watched. */
  readonly layer: TfLayer;
  /** Kernel and bias of a layer with captures; the one variable of any other parameter. */
  readonly variables: readonly Variable[];
  /** The matrix. */
  readonly parameter: ExternalParameter;
  /** Whether the loss depends on the variables beside the layer's outputs: a penalty on weights. */
  readonly penalized: boolean;
  /** Whether layers before this one are trained, so that the gradient has to go on to its input. */
  readonly inner: boolean;
  /** Only where the framework's own padding is not the same on both sides. */
  readonly border?: Border;
}

/**
 * All trainable matrices of a model, in the order of its layers. Dense layers, and Conv1D, Conv2D and DepthwiseConv2D
 * layers with channels last, get captures; every variable of other layers, of layers that a model uses several
 * times, and of layers whose input has no fixed size, is a parameter of kind `other`. A model keeps its
 * layers in an order in which each comes after those it depends on.
 *
 * @throws {StateError} When the model has no layers yet, or nothing to train.
 */
export function sitesOf(model: LayersModel): Site[] {
  const sites: Site[] = [];
  const names = new Set<string>();
  const unique = (name: string): string => {
    let candidate = name;
    for (let i = 2; names.has(candidate); i++) candidate = `${name}#${i}`;
    names.add(candidate);
    return candidate;
  };
  const uses = usesOf(model as unknown as TfLayer);
  let inner = false;
  for (const [layer, shapes] of uses) {
    if (layer.trainableWeights.length === 0) continue;
    const form = shapes.length === 1 ? formOf(layer, shapes[0]) : undefined;
    if (form === undefined) {
      for (const weight of layer.trainableWeights) {
        const variable = weight.read() as Variable;
        const last = weight.originalName.split("/").at(-1);
        sites.push({
          layer,
          variables: [variable],
          parameter: {
            name: unique(`${layer.name}/${last}`),
            layer: { kind: "other" },
            shape: [1, variable.size],
          },
          penalized: false,
          inner,
        });
      }
      inner = true;
      continue;
    }
    const variables = layer.trainableWeights.map((weight) => weight.read() as Variable);
    const outputs = form.outputs ?? variables[0].shape.at(-1)!;
    sites.push({
      layer,
      variables,
      parameter: {
        name: unique(layer.name),
        layer: form.layer,
        shape: [outputs, variables.reduce((sum, { size }) => sum + size, 0) / outputs],
        ...(hasGroups(form.layer) ? { block: groupsBlock } : {}),
      },
      penalized: [layer.kernelRegularizer, layer.biasRegularizer, layer.depthwiseRegularizer]
        .some((regularizer) => regularizer != null),
      inner,
      ...(form.border === undefined ? {} : { border: form.border }),
    });
    inner = true;
  }
  if (sites.length === 0) {
    throw new StateError(`Cannot optimize model '${model.name}': it has no trainable weights`);
  }
  return sites;
}

/** Every layer of a model and of the models inside it, with the shape of its input at each use. */
function usesOf(model: TfLayer): Map<TfLayer, (readonly (number | null)[])[]> {
  const uses = new Map<TfLayer, (readonly (number | null)[])[]>();
  const visit = (container: TfLayer, times: number): void => {
    if (container.inputs!.length === 0) {
      throw new StateError(
        `Cannot optimize model '${container.name}': it has no layers yet, add them first`,
      );
    }
    // A Sequential has no graph before this; `compile` would build it anyway.
    if (!container.built) container.build();
    const nodes = Object.values(container.nodesByDepth!).flat();
    for (const layer of container.layers!) {
      const own = nodes.filter(({ outboundLayer }) => outboundLayer === layer);
      const used = Array.from({ length: times }, () => own).flat();
      if (layer.layers !== undefined) visit(layer, used.length);
      else {
        const shapes = used.map(({ inputShapes: [shape] }) => shape);
        uses.set(layer, [...uses.get(layer) ?? [], ...shapes]);
      }
    }
  };
  visit(model, 1);
  return uses;
}

/** What a layer is to the curvature. */
interface Form {
  readonly layer: ExternalParameter["layer"];
  readonly border?: Border;
  /** dOut, where it is not the last side of the kernel. */
  readonly outputs?: number;
}

function hasGroups(layer: ExternalParameter["layer"]): boolean {
  return layer.kind === "conv2d" && (layer.geometry.groups ?? 1) > 1;
}

/** The kind of a layer that leaves captures, or `undefined`. `shape` begins with the batch's `null`. */
function formOf(
  layer: TfLayer,
  shape: readonly (number | null)[],
): Form | undefined {
  const bias = layer.bias != null;
  const sizes = shape.slice(1) as number[];
  if (sizes.some((size) => size === null)) return undefined;
  switch (layer.getClassName()) {
    case "Dense": {
      if (sizes.length === 1) return { layer: { kind: "dense", bias } };
      // The same weights at every place of a sequence or image: a convolution with a kernel of one.
      const places = sizes.slice(0, -1).reduce((product, size) => product * size, 1);
      const geometry: ConvGeometry = {
        channels: sizes.at(-1)!,
        height: places,
        width: 1,
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        bias,
      };
      return { layer: { kind: "conv2d", geometry } };
    }
    case "Conv1D":
    case "Conv2D":
    case "DepthwiseConv2D":
      break;
    default:
      return undefined;
  }
  if (layer.dataFormat !== "channelsLast") return undefined;
  // A sequence is an image one pixel high.
  const image = sizes.length === 2 ? [1, ...sizes] : sizes;
  const form = convolution(layer, image, bias);
  const channels = image[2];
  if (layer.getClassName() !== "DepthwiseConv2D" || form.layer.kind !== "conv2d") return form;
  const each = (layer.trainableWeights[0].read() as Variable).shape.at(-1)!;
  const geometry = { ...form.layer.geometry, groups: channels };
  return { ...form, layer: { kind: "conv2d", geometry }, outputs: channels * each };
}

function convolution(
  { kernelSize, strides, dilationRate, padding }: TfLayer,
  [height, width, channels]: readonly number[],
  bias: boolean,
): Form {
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
  const window = { channels, kernel, stride, dilation, bias };
  if (vertical[0] === vertical[1] && horizontal[0] === horizontal[1]) {
    const padding: Pair = [vertical[0], horizontal[0]];
    return { layer: { kind: "conv2d", geometry: { ...window, height, width, padding } } };
  }
  const geometry: ConvGeometry = {
    ...window,
    height: height + vertical[0] + vertical[1],
    width: width + horizontal[0] + horizontal[1],
    padding: [0, 0],
  };
  return { layer: { kind: "conv2d", geometry }, border: { vertical, horizontal } };
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
