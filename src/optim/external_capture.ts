/**
 * What the layers of a model outside this library saw, and what it is to the curvature.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { DataError, ShapeError } from "../core/errors.ts";
import { type ConvGeometry, locationsOf } from "../core/geometry.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";
import { leavesCaptures } from "../core/parameter.ts";
import { checkNumbers, isMatrix, type Numbers, sizeOf } from "./external_numbers.ts";
import type { ExternalParameter } from "./external_parameter.ts";

/** What one dense layer or convolution saw in a forward and backward pass. N examples, T locations each. */
export interface ExternalCapture {
  /** Inputs without the homogeneous 1, [N * T, dIn], or channels-last images [N * height * width, channels]. */
  readonly inputs: Numbers;
  /**
   * Gradient of each example's **own** loss with respect to the layer's outputs before their
   * activation, [N * T, dOut]. Where a framework gives gradients of the mean loss, these are N times that.
   */
  readonly outputGradients: Numbers;
  /** T of a dense layer that acts on every position of a sequence. @default {those of the parameter, else 1} */
  readonly positions?: number;
}

/**
 * What a table saw: an embedding, or the weights [V, width] of a dense layer without bias that is tied to one. On
 * WebAssembly the backend has to have `sequenceVerbs`: `backend.extend(sequenceVerbs)`, once.
 */
export interface ExternalTokens {
  /** Rows that were looked up, integers in [0, V), as many for each example, [1, N * T]. */
  readonly tokens: Numbers;
  /** Gradient of each example's own loss with respect to what was looked up, [N * T, width]. */
  readonly outputGradients: Numbers;
}

/** What scales above shifts (kind `scaleShift`) are to each example. */
export interface ExternalGradients {
  /** Gradient of each example's own loss with respect to the parameter, row by row, [N, rows * cols]. */
  readonly gradients: Numbers;
}

/** What a parameter saw where it was used once. */
export type ExternalUse = ExternalCapture | ExternalTokens | ExternalGradients;

/** All uses of a parameter. */
export function usesOf(captured: ExternalUse | readonly ExternalUse[] | undefined): ExternalUse[] {
  return captured === undefined ? [] : [captured].flat() as ExternalUse[];
}

/** Rows and columns of the inputs that a use holds per example, and the rows of its output gradients. */
interface Layout {
  readonly inputs: readonly [number, number];
  readonly locations: number;
}

/** Of a layer of kind `dense` or `conv2d`; `undefined` for all others. */
export function captureLayout(
  { layer, shape: [, cols] }: ExternalParameter,
  positions?: number,
): Layout | undefined {
  if (!leavesCaptures(layer)) return undefined;
  if (layer.kind === "dense") {
    const rows = positions ?? layer.positions ?? 1;
    return { inputs: [rows, cols - (layer.bias ? 1 : 0)], locations: rows };
  }
  const { geometry } = layer;
  return {
    inputs: [geometry.height * geometry.width, geometry.channels],
    locations: locationsOf(geometry),
  };
}

/**
 * Checks what a parameter saw.
 *
 * @throws {ShapeError} When it is not what a layer of its kind sees, or has another size.
 * @throws {DataError} When a number is NaN or infinite, or a token beyond the table.
 */
export function checkUses(
  parameter: ExternalParameter,
  uses: readonly ExternalUse[],
  examples: number,
): void {
  for (const use of uses) checkUse(parameter, use, examples);
  if (parameter.layer.kind !== "dense" || !uses.some((use) => "tokens" in use)) return;
  if (uses.every((use) => "tokens" in use)) {
    throw new ShapeError(
      `Cannot use captures of '${parameter.name}'`,
      "what the dense layer that is tied to the table saw, too; without one the kind is 'embedding'",
      "tokens alone",
    );
  }
}

function checkUse(parameter: ExternalParameter, use: ExternalUse, examples: number): void {
  const { name, layer, shape: [rows, cols] } = parameter;
  if ("tokens" in use && (layer.kind === "embedding" || layer.kind === "dense" && !layer.bias)) {
    const count = sizeOf(use.tokens);
    if (count === 0 || count % examples !== 0) {
      const expected = `as many for each of ${examples} examples`;
      throw new ShapeError(`Cannot use tokens of '${name}'`, expected, `${count} in all`);
    }
    checkNumbers(`tokens of '${name}'`, use.tokens, [1, count]);
    checkTokens(name, use.tokens, rows);
    checkNumbers(`output gradients of '${name}'`, use.outputGradients, [count, cols]);
    return;
  }
  if ("gradients" in use && layer.kind === "scaleShift") {
    checkNumbers(`gradients of each example of '${name}'`, use.gradients, [examples, rows * cols]);
    return;
  }
  const layout = "inputs" in use ? captureLayout(parameter, use.positions) : undefined;
  if (layout === undefined) {
    const kinds = {
      dense: "inputs and output gradients",
      conv2d: "inputs and output gradients",
      embedding: "tokens and output gradients",
      scaleShift: "gradients of each example",
      normalization: "a gradient alone",
      other: "a gradient alone",
    };
    const expected = `${kinds[layer.kind]}, as its kind is '${layer.kind}'`;
    throw new ShapeError(`Cannot use captures of '${name}'`, expected, Object.keys(use).join(", "));
  }
  const { inputs, outputGradients } = use as ExternalCapture;
  checkNumbers(`inputs of '${name}'`, inputs, [examples * layout.inputs[0], layout.inputs[1]]);
  const outputs = [examples * layout.locations, rows] as const;
  checkNumbers(`output gradients of '${name}'`, outputGradients, outputs);
}

function checkTokens(name: string, tokens: Numbers, count: number): void {
  if (isMatrix(tokens)) return;
  const fits = (token: number) => Number.isInteger(token) && token >= 0 && token < count;
  const at = Array.prototype.findIndex.call(tokens, (token: number) => !fits(token));
  if (at < 0) return;
  const expected = `integers in [0, ${count - 1}]`;
  throw new DataError("batch", `'${name}' expects tokens, ${expected}: received ${tokens[at]}`);
}

/** What a use is to the curvature, on the backend. @param upload Of numbers that are not there yet. */
export function toCapture(
  backend: Backend,
  { layer, shape: [rows, cols], ...parameter }: ExternalParameter,
  use: ExternalUse,
  examples: number,
  upload: (numbers: Numbers, rows: number, cols: number) => Matrix,
): Capture {
  if ("gradients" in use) {
    return { kind: "elements", examples, gradients: upload(use.gradients, examples, rows * cols) };
  }
  if ("tokens" in use) {
    const count = sizeOf(use.tokens);
    return {
      kind: "embedding",
      examples,
      tokens: upload(use.tokens, 1, count),
      outputGradients: upload(use.outputGradients, count, cols),
    };
  }
  const layout = captureLayout({ layer, shape: [rows, cols], ...parameter }, use.positions)!;
  const { inputs: [height, channels], locations } = layout;
  const inputs = upload(use.inputs, examples * height, channels);
  const outputGradients = upload(use.outputGradients, examples * locations, rows);
  if (layer.kind === "conv2d") {
    const { geometry } = layer;
    return { kind: "conv2d", examples, geometry, images: inputs, outputGradients };
  }
  if (locations > 1) {
    const geometry = positionGeometry(channels, locations, cols > channels);
    return { kind: "conv2d", examples, geometry, images: inputs, outputGradients };
  }
  let homogeneous = inputs;
  if (cols > channels) {
    homogeneous = backend.scratch(inputs.rows, cols);
    backend.appendOnes(homogeneous, inputs);
  }
  return { kind: "dense", examples, inputs: homogeneous, outputGradients };
}

/** A convolution whose window is one position. */
function positionGeometry(channels: number, positions: number, bias: boolean): ConvGeometry {
  return {
    channels,
    height: positions,
    width: 1,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    bias,
  };
}

/** Adds what a use makes of a parameter's gradient: `gradient = decay gradient + scale sum_n G_n`. */
export function addGradient(
  backend: Backend,
  gradient: Matrix,
  capture: Capture,
  { decay, scale }: { readonly decay: number; readonly scale: number },
): void {
  const { examples } = capture;
  switch (capture.kind) {
    case "dense": {
      const options = { transposeA: true, alpha: scale, beta: decay };
      return backend.gemm(gradient, capture.outputGradients, capture.inputs, options);
    }
    case "conv2d": {
      const { images, outputGradients, geometry } = capture;
      const blend = { decay, scale };
      return backend.conv2dWeightGradient(gradient, images, outputGradients, geometry, blend);
    }
    case "embedding":
      return backend.scatterRows(gradient, capture.tokens, capture.outputGradients, {
        decay,
        scale,
      });
    case "elements": {
      const ones = backend.scratch(1, examples);
      backend.write(ones, new Float32Array(examples).fill(1));
      const row = reshaped(gradient, 1, capture.gradients.cols);
      return backend.gemm(row, ones, capture.gradients, { alpha: scale, beta: decay });
    }
  }
}
