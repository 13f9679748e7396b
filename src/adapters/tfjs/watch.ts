/**
 * Layers whose calls leave captures: while a pass runs, the `call` of each is replaced by one that stops before the
 * activation.
 *
 * To the framework's tape such a layer is one operation. Its gradient leaves the capture and goes on to
 * the layer's input; it depends on one scalar, the anchor, and on no weights. So the framework
 * differentiates activations only: gradients of weights follow from the captures, on this library's
 * kernels, and so does the gradient of a convolution's input. That saves the framework most of its
 * backward pass, and trains what it cannot: convolutions on its WASM backend, which has no gradient of
 * a filter, and dilated ones, whose gradient it has nowhere.
 *
 * @module
 */

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import { type ConvGeometry, locationsOf } from "../../core/geometry.ts";
import type { Matrix } from "../../core/matrix.ts";
import { captureLayout, type ExternalUse } from "../../optim/external_capture.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { Exchange } from "./exchange.ts";
import type { TfActivation, TfLayer } from "./graph.ts";
import type { Site, WatchedLayer } from "./layers.ts";

/** Where a pass leaves what it finds. */
export interface Destination {
  /** The weights as they are now, on the backend. */
  readonly external: ExternalModel;
  /** The way there. */
  readonly exchange: Exchange;
  /** What watched operations depend on in the place of weights. */
  readonly anchor: tf.Variable;
}

/** What is known of a layer while the pass runs. */
export interface Trace {
  /** Of its last call. */
  examples: number;
  calls: number;
  /** Of each of its matrices, in the order of the calls; complete when the backward pass is over. */
  readonly uses: ReadonlyMap<Site, SeenUse[]>;
}

/** A use of a matrix: what it will have been once the gradient of its outputs is known. */
export interface SeenUse {
  /** Rows and columns of the output gradients. */
  readonly shape: readonly [number, number];
  /** `undefined` while, or because, the loss does not depend on it. */
  outputGradients: Matrix | undefined;
  /** Joins the two. */
  complete(outputGradients: Matrix): ExternalUse;
}

/** One operation of a layer with one of its matrices. */
interface Operation {
  readonly use: SeenUse;
  readonly input: tf.Tensor;
  forward(): tf.Tensor;
  /** The gradient of its input; `undefined` where nobody asks. */
  readonly onward: ((dy: tf.Tensor) => tf.Tensor) | undefined;
}

/** The identity, in the place of a layer's own activation. */
const LINEAR: TfActivation = { getClassName: () => "linear", apply: (x) => x };

/** Replaces a layer's `call` until the function that is returned is called. */
export function watch(watched: WatchedLayer, to: Destination): { trace: Trace; undo: () => void } {
  const { layer, sites, wrappers } = watched;
  const uses = new Map(sites.map((site): [Site, SeenUse[]] => [site, []]));
  const trace: Trace = { examples: 0, calls: 0, uses };
  const call = layer.call;
  const inner = CALLS[watched.watch](watched, to, trace, call.bind(layer));
  layer.call = (inputs, kwargs) => {
    trace.examples = single(inputs).shape[0] ?? 0;
    trace.calls++;
    return tf.tidy(() => inner(single(inputs), kwargs));
  };
  const calls = wrappers.map((wrapper) => wrapper.call);
  // All steps of a sequence at once, as they are positions of it.
  for (const wrapper of wrappers) wrapper.call = (...of) => layer.call(...of);
  return {
    trace,
    undo() {
      wrappers.forEach((wrapper, i) => restore(wrapper, calls[i]));
      restore(layer, call);
    },
  };
}

/** Takes the replacement of an inherited method away, or puts back one that was the layer's own. */
function restore(layer: TfLayer, call: TfLayer["call"]): void {
  delete (layer as Partial<TfLayer>).call;
  if (layer.call !== call) layer.call = call;
}

type Call = (input: tf.Tensor, kwargs: unknown) => tf.Tensor;

type MakeCall = (
  watched: WatchedLayer,
  to: Destination,
  trace: Trace,
  call: TfLayer["call"],
) => Call;

const CALLS: Readonly<Record<WatchedLayer["watch"], MakeCall>> = {
  nothing: (_watched, _to, _trace, call) => (input, kwargs) => single(call(input, kwargs)),

  affine: ({ layer, sites: [site], inner }, to, trace, call) => (input, kwargs) => {
    const before = operate(to, trace, site, {
      use: seenAffine(to, site, input),
      input,
      forward: () => withLinear(layer, () => single(call(input, kwargs))),
      onward: inner ? (dy) => inputGradient(site, input, dy, to) : undefined,
    });
    return layer.activation?.apply(before) ?? before;
  },

  separable: ({ layer, sites: [channels, points], inner }, to, trace) => (input) => {
    const { strides, dilationRate, padding, activation } = layer;
    const [kernel] = channels.variables as readonly tf.Tensor[] as [tf.Tensor4D];
    const [point, bias] = points.variables as readonly tf.Tensor[] as [tf.Tensor4D, tf.Tensor?];
    const pair = (sizes: readonly number[]) => sizes as [number, number];
    const between = operate(to, trace, channels, {
      use: seenAffine(to, channels, input),
      input,
      forward: () =>
        tf.depthwiseConv2d(
          ...[input as tf.Tensor4D, kernel, pair(strides), padding as "same"] as const,
          ...["NHWC", pair(dilationRate)] as const,
        ),
      onward: inner ? (dy) => inputGradient(channels, input, dy, to) : undefined,
    });
    const before = operate(to, trace, points, {
      use: seenAffine(to, points, between),
      input: between,
      forward() {
        const out = tf.conv2d(between as tf.Tensor4D, point, 1, "valid");
        return bias === undefined ? out : tf.add(out, bias);
      },
      onward: (dy) => inputGradient(points, between, dy, to),
    });
    return activation?.apply(before) ?? before;
  },

  table: ({ sites: [site] }, to, trace, call) => (input, kwargs) => {
    const { backend } = to.external;
    const { parameter: { shape: [, width] } } = site;
    const tokens = backend.scratch(1, input.size);
    to.exchange.write(tokens, tf.cast(input, "int32"));
    const complete = (outputGradients: Matrix) => ({ tokens, outputGradients });
    return operate(to, trace, site, {
      use: { shape: [input.size, width], outputGradients: undefined, complete },
      input,
      forward: () => single(call(input, kwargs)),
      onward: undefined,
    });
  },

  scaleShift: ({ layer, sites: [site], inner }, to, trace) => (input) => {
    const [first, second] = site.variables as readonly tf.Tensor[];
    const [gamma, beta] = layer.scale ? [first, second] : [undefined, first];
    // The normalisation alone; the tape differentiates it.
    const { mean, variance } = tf.moments(input, -1, true);
    const normal = tf.mul(tf.sub(input, mean), tf.rsqrt(tf.add(variance, layer.epsilon)));
    const [examples] = input.shape, channels = first.size;
    const gradients = (dy: tf.Tensor, normal: tf.Tensor): tf.Tensor => {
      const sums = (x: tf.Tensor) => tf.sum(tf.reshape(x, [examples, -1, channels]), 1);
      const parts = [gamma && sums(tf.mul(dy, normal)), beta && sums(dy)];
      return tf.concat(parts.flatMap((part) => part ?? []), 1);
    };
    const complete = (all: Matrix) => ({ gradients: all });
    return operate(to, trace, site, {
      use: {
        shape: [examples, channels * site.variables.length],
        outputGradients: undefined,
        complete,
      },
      input: normal,
      forward() {
        const scaled = gamma === undefined ? normal : tf.mul(normal, gamma);
        return beta === undefined ? tf.clone(scaled) : tf.add(scaled, beta);
      },
      onward: inner ? (dy) => gamma === undefined ? tf.clone(dy) : tf.mul(dy, gamma) : undefined,
    }, gradients);
  },
};

/**
 * Runs an operation as one of the tape.
 *
 * @param left What is left of its gradient, which may depend on its input; by default the gradient itself.
 */
function operate(
  { anchor, external: { backend }, exchange }: Destination,
  { uses }: Trace,
  site: Site,
  { use, input, forward, onward }: Operation,
  left?: (dy: tf.Tensor, input: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  uses.get(site)!.push(use);
  const [examples] = input.shape;
  const operation = tf.customGrad((...args) => {
    // What is not saved is gone before the backward pass.
    if (left !== undefined) (args.at(-1) as unknown as tf.GradSaveFunc)([input]);
    return {
      value: forward(),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        // The loss is a mean: N times its gradient is the gradient of each example's own loss.
        const g = backend.scratch(...use.shape);
        tf.tidy(() => exchange.write(g, tf.mul(left?.(dy, saved[0]) ?? dy, examples)));
        use.outputGradients = g;
        const ofAnchor = tf.zerosLike(anchor);
        return onward === undefined ? [ofAnchor] : [ofAnchor, onward(dy)];
      },
    };
  });
  return onward === undefined ? operation(anchor) : operation(anchor, input);
}

/** Hands a layer's input over. */
function seenAffine({ external, exchange }: Destination, site: Site, input: tf.Tensor): SeenUse {
  const { parameter } = site;
  const { layer, shape: [dOut] } = parameter;
  const [examples] = input.shape;
  const channels = input.shape.at(-1)!;
  const positions = layer.kind === "dense" ? input.size / examples / channels : undefined;
  const { inputs: [rows, cols], locations } = captureLayout(parameter, positions)!;
  const inputs = external.backend.scratch(examples * rows, cols);
  exchange.write(inputs, bordered(input, site));
  return {
    shape: [examples * locations, dOut],
    outputGradients: undefined,
    complete: (outputGradients) => ({
      inputs,
      outputGradients,
      ...(positions === undefined ? {} : { positions }),
    }),
  };
}

function withLinear<T>(layer: TfLayer, body: () => T): T {
  const { activation } = layer;
  layer.activation = LINEAR;
  try {
    return body();
  } finally {
    layer.activation = activation;
  }
}

/** The gradient with respect to a layer's input. */
function inputGradient(
  { parameter: { layer, name }, variables: [kernel], border }: Site,
  input: tf.Tensor,
  dy: tf.Tensor,
  { external, exchange }: Destination,
): tf.Tensor {
  if (layer.kind !== "conv2d") {
    return tf.tidy(() => {
      const rows = tf.reshape(dy, [-1, kernel.shape[1]!]) as tf.Tensor2D;
      return tf.reshape(tf.matMul(rows, kernel as tf.Tensor2D, false, true), input.shape);
    });
  }
  const { geometry } = layer;
  const { value } = external.parameters.find((parameter) => parameter.name === name)!;
  const { backend } = external;
  const examples = input.shape[0]!;
  const images = backend.scope(() => {
    const g = backend.scratch(examples * locationsOf(geometry), value.rows);
    exchange.write(g, dy);
    const out = backend.scratch(examples * geometry.height * geometry.width, geometry.channels);
    backend.conv2dDataGradient(out, g, value, geometry);
    return exchange.read(out, imagesShape(examples, geometry, input.shape.length));
  });
  if (border === undefined) return images;
  const before = [border.vertical[0], border.horizontal[0]];
  const corner = [0, ...before.slice(4 - input.shape.length), 0];
  const inside = tf.slice(images, corner, input.shape);
  images.dispose();
  return inside;
}

/** Of images, or of sequences, which have no height. */
function imagesShape(
  examples: number,
  { height, width, channels }: ConvGeometry,
  rank: number,
): number[] {
  return rank === 3 ? [examples, width, channels] : [examples, height, width, channels];
}

/** A layer's input with the zeros around it that its geometry does not count as padding. */
function bordered(input: tf.Tensor, { border }: Site): tf.Tensor {
  if (border === undefined) return input;
  const around = [border.vertical, border.horizontal].slice(4 - input.shape.length);
  return tf.pad(input, [[0, 0], ...around, [0, 0]]);
}

function single(tensors: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(tensors) ? tensors[0] : tensors;
}
