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
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { expectForward, type OwnedParameter } from "./layer_parameter.ts";
import type { BackwardPass, ExampleShape, Layer } from "./module.ts";

/** A layer with weights that slide: owns them. */
export class Convolution implements Layer {
  readonly block?: LayerBlock;
  readonly #backend: Backend;
  readonly #geometry: ConvGeometry;
  /** Images of the last forward pass, [N * height * width, channels]. */
  #images: Matrix | undefined;
  #capture: ConvCapture | undefined;

  /**
   * Takes the parameter over.
   *
   * @param name Of the layer; its parameter's, but for a layer that is tied to another.
   * @param output Shape of an outgoing example, [locations of the geometry in some form, dOut].
   * @param block Makes its curvature, where it has groups.
   */
  constructor(
    backend: Backend,
    readonly name: string,
    readonly parameter: OwnedParameter,
    geometry: ConvGeometry,
    readonly output: ExampleShape,
    block?: LayerBlock,
  ) {
    if (block !== undefined) this.block = block;
    this.#backend = backend;
    this.#geometry = geometry;
  }

  get capture(): ConvCapture | undefined {
    return this.#capture;
  }

  forward(x: Matrix, examples: number): Matrix {
    this.#images = x;
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
      ? { kind: "conv2d", examples, geometry, images, outputGradients: g }
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
