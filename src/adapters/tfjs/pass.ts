/**
 * One forward and backward pass of a TensorFlow.js model that leaves captures behind, without a change
 * to the model: while it runs, the `call` of each layer is replaced by one that stops before the
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
import { ShapeError, StateError } from "../../core/errors.ts";
import { type ConvGeometry, locationsOf } from "../../core/geometry.ts";
import type { Matrix } from "../../core/matrix.ts";
import { captureLayout, type ExternalCapture } from "../../optim/external_capture.ts";
import type { ExternalModel } from "../../optim/external_model.ts";
import type { Exchange } from "./exchange.ts";
import type { Site, TfActivation, TfLayer } from "./layers.ts";
import { toMatrix } from "./weights.ts";

/** A capture on the backend, without homogeneous ones. */
export interface MatrixCapture extends ExternalCapture {
  readonly inputs: Matrix;
  readonly outputGradients: Matrix;
}

/** Where a pass leaves what it finds. */
export interface Destination {
  /** The weights as they are now, on the backend. */
  readonly external: ExternalModel;
  /** The way there. */
  readonly exchange: Exchange;
}

/** What a pass left behind; matrices are scratch of the caller's scope. */
export interface Pass {
  /** The loss as the framework computed it, penalties included. The caller disposes it. */
  readonly value: tf.Scalar;
  /** N. */
  readonly examples: number;
  /** By name of the parameter. */
  readonly captures: ReadonlyMap<string, MatrixCapture>;
  /** Gradients of the loss by what the captures do not tell: of penalties, and of layers without captures. */
  readonly gradients: ReadonlyMap<Site, Matrix>;
}

/** What is known of a layer while the pass runs. */
interface Trace {
  calls: number;
  examples: number;
  inputs: Matrix | undefined;
  outputGradients: Matrix | undefined;
}

/** The identity, in the place of a layer's own activation. */
const LINEAR: TfActivation = { getClassName: () => "linear", apply: (x) => x };

/**
 * Runs `f` and its backward pass.
 *
 * @param f Computes the loss: the mean of per-example losses, plus penalties.
 * @param sites The trainable matrices of the model that `f` calls.
 * @param to Their weights, and the backend that takes what is found, inside a scope.
 * @throws {StateError} When a layer with captures is called more than once, or not at all.
 */
export function recordPass(
  f: () => tf.Scalar,
  sites: readonly Site[],
  to: Destination,
): Pass {
  const anchor = tf.tidy(() => tf.variable(tf.scalar(0)));
  const traces = new Map<Site, Trace>();
  const undo: (() => void)[] = [() => anchor.dispose()];
  try {
    for (const site of sites) {
      const trace = { calls: 0, examples: 0, inputs: undefined, outputGradients: undefined };
      traces.set(site, trace);
      undo.push(watch(site, trace, anchor, to));
    }
    const partial = sites.filter((site) => !isWhole(site));
    const variables = partial.flatMap((site) => site.variables);
    const { value, grads } = tf.variableGrads(f, [anchor, ...variables]);
    try {
      const gradients = new Map(partial.map((site) => [site, gradientOf(site, grads, to)]));
      return { value, ...collect(traces, to), gradients };
    } catch (error) {
      value.dispose();
      throw error;
    } finally {
      tf.dispose(grads);
    }
  } finally {
    while (undo.length > 0) undo.pop()!();
  }
}

/** Whether captures tell all of a site's gradient. */
export function isWhole({ parameter, penalized }: Site): boolean {
  return parameter.layer.kind !== "other" && !penalized;
}

/** A site's gradient as a matrix; zeros for variables that the loss does not depend on. */
function gradientOf(site: Site, grads: tf.NamedTensorMap, to: Destination): Matrix {
  const gradient = to.external.backend.scratch(...site.parameter.shape);
  tf.tidy(() => {
    const tensors = site.variables.map((v): tf.Tensor => grads[v.name] ?? tf.zerosLike(v));
    to.exchange.write(gradient, toMatrix(site, tensors));
  });
  return gradient;
}

/** Replaces a layer's `call` until the function that is returned is called. */
function watch(
  site: Site,
  trace: Trace,
  anchor: tf.Variable,
  to: Destination,
): () => void {
  const { layer, parameter, inner } = site;
  const { backend } = to.external;
  const call = layer.call;
  const undo = () => restore(layer, call);
  const layout = captureLayout(parameter);
  if (layout === undefined) {
    layer.call = (inputs, kwargs) => {
      trace.examples = single(inputs).shape[0] ?? 0;
      return call.call(layer, inputs, kwargs);
    };
    return undo;
  }
  const preActivation = (inputs: tf.Tensor | tf.Tensor[], kwargs: unknown): tf.Tensor => {
    const { activation } = layer;
    layer.activation = LINEAR;
    try {
      return single(call.call(layer, inputs, kwargs));
    } finally {
      layer.activation = activation;
    }
  };
  layer.call = (inputs, kwargs) =>
    tf.tidy(() => {
      const input = single(inputs);
      trace.calls++;
      const examples = trace.examples = input.shape[0] ?? 0;
      const [rows, cols] = layout.inputs;
      trace.inputs = backend.scratch(examples * rows, cols);
      to.exchange.write(trace.inputs, bordered(input, site));
      const operation = tf.customGrad((...args) => ({
        value: preActivation(inputs, kwargs),
        gradFunc: (dy: tf.Tensor) => {
          // The loss is a mean: N times its gradient is the gradient of each example's own loss.
          const g = backend.scratch(examples * layout.locations, parameter.shape[0]);
          tf.tidy(() => to.exchange.write(g, tf.mul(dy, examples)));
          trace.outputGradients = g;
          const ofAnchor = tf.zerosLike(anchor);
          // One for each argument; `args` ends with a function.
          return args.length === 2 ? [ofAnchor] : [ofAnchor, inputGradient(site, input, dy, to)];
        },
      }));
      const before = inner ? operation(anchor, input) : operation(anchor);
      return layer.activation.apply(before);
    });
  return undo;
}

/** The gradient with respect to a layer's input. */
function inputGradient(
  site: Site,
  input: tf.Tensor,
  dy: tf.Tensor,
  { external, exchange }: Destination,
): tf.Tensor {
  const { layer, parameter, variables: [kernel], border } = site;
  if (parameter.layer.kind !== "conv2d" || layer.getClassName() === "Dense") {
    return tf.tidy(() => {
      const rows = tf.reshape(dy, [-1, kernel.shape[1]!]) as tf.Tensor2D;
      return tf.reshape(tf.matMul(rows, kernel as tf.Tensor2D, false, true), input.shape);
    });
  }
  const { geometry } = parameter.layer;
  const { value } = external.parameters.find(({ name }) => name === parameter.name)!;
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

/** Takes the replacement of an inherited method away, or puts back one that was the layer's own. */
function restore(layer: TfLayer, call: TfLayer["call"]): void {
  delete (layer as Partial<TfLayer>).call;
  if (layer.call !== call) layer.call = call;
}

function single(tensors: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(tensors) ? tensors[0] : tensors;
}

/** What the layers left behind, once all of them have been seen. */
function collect(
  traces: ReadonlyMap<Site, Trace>,
  { external: { backend } }: Destination,
): Pick<Pass, "examples" | "captures"> {
  const captures = new Map<string, MatrixCapture>();
  let examples = 0;
  for (const [{ parameter: { name, layer, shape } }, trace] of traces) {
    examples ||= trace.examples;
    if (layer.kind === "other") continue;
    if (trace.calls !== 1) {
      throw new StateError(
        `Cannot optimize layer '${name}': expected it to be called once in a step, received ` +
          `${trace.calls} calls`,
      );
    }
    if (trace.examples !== examples) {
      throw new ShapeError(
        `Cannot optimize layer '${name}'`,
        `${examples} examples, as other layers had`,
        `${trace.examples}`,
      );
    }
    const places = layer.kind === "conv2d" ? locationsOf(layer.geometry) : 1;
    let { outputGradients } = trace;
    if (outputGradients === undefined) {
      // The loss does not depend on the layer.
      outputGradients = backend.scratch(examples * places, shape[0]);
      backend.write(outputGradients, new Float32Array(examples * places * shape[0]));
    }
    captures.set(name, { inputs: trace.inputs!, outputGradients });
  }
  return { examples, captures };
}
