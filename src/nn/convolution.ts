/**
 * The same weights at every location: what convolutions of images share with dense layers on sequences, whose
 * window is a single position.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { ConvCapture } from "../core/capture.ts";
import { type ConvGeometry, locationsOf } from "../core/geometry.ts";
import { type Matrix, rowsOf } from "../core/matrix.ts";
import { expectForward, type OwnedParameter } from "./layer_parameter.ts";
import type { BackwardPass, ExampleShape, ForwardPass, Layer, PositionMask } from "./module.ts";
import { maskOfRows } from "./position_mask.ts";

/** A layer with weights that slide: owns them. */
export class Convolution implements Layer {
  readonly #backend: Backend;
  readonly #geometry: ConvGeometry;
  /** Images of the last forward pass, [N * height * width, channels]. */
  #images: Matrix | undefined;
  #mask: PositionMask | undefined;
  #capture: ConvCapture | undefined;

  /**
   * Takes the parameter over.
   *
   * @param name Of the layer; its parameter's, but for a layer that is tied to another.
   * @param output Shape of an outgoing example, [locations of the geometry in some form, dOut].
   */
  constructor(
    backend: Backend,
    readonly name: string,
    readonly parameter: OwnedParameter,
    geometry: ConvGeometry,
    readonly output: ExampleShape,
  ) {
    this.#backend = backend;
    this.#geometry = geometry;
  }

  get capture(): ConvCapture | undefined {
    return this.#capture;
  }

  forward(x: Matrix, examples: number, { mask }: ForwardPass): Matrix {
    this.#images = x;
    this.#mask = mask;
    const weights = this.parameter.value;
    const out = this.#backend.scratch(examples * locationsOf(this.#geometry), weights.rows);
    this.#backend.conv2d(out, x, weights, this.#geometry);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const geometry = this.#geometry;
    const examples = g.rows / locationsOf(geometry);
    const pixels = examples * geometry.height * geometry.width;
    const images = rowsOf(expectForward(this.name, this.#images), 0, pixels);
    const { value, gradient, trainable } = this.parameter;
    this.#capture = trainable
      ? {
        kind: "conv2d",
        examples,
        geometry,
        images,
        outputGradients: g,
        mask: maskOfRows(this.#mask, g.rows, examples),
      }
      : undefined;
    if (trainable && pass.kind === "gradient") {
      this.#backend.conv2dWeightGradient(gradient, images, g, geometry, pass);
    }
    if (!needInput) return undefined;
    const out = this.#backend.scratch(images.rows, images.cols);
    this.#backend.conv2dDataGradient(out, g, value, geometry);
    return out;
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
  }
}
