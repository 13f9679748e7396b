/**
 * Zeros in front of and behind a sequence, where a window does not add as many on both sides.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { ConvCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped } from "../core/matrix.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import type { Convolution } from "./convolution.ts";
import type { OwnedParameter } from "./layer_parameter.ts";
import type { BackwardPass, ExampleShape, ForwardPass, Layer, PositionMask } from "./module.ts";
import { withoutPadding } from "./position_mask.ts";

/** A convolution of longer sequences than come in: owns it, and makes them. */
export class PaddedSequence implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter: OwnedParameter;
  readonly block?: LayerBlock;
  readonly #backend: Backend;
  readonly #layer: Convolution;
  readonly #positions: number;
  readonly #front: number;
  readonly #length: number;
  #mask: PositionMask | undefined;

  /**
   * Takes the convolution over.
   *
   * @param positions Of what comes in.
   * @param front Zeros in front of it.
   * @param length Positions of what the convolution takes.
   */
  constructor(
    backend: Backend,
    layer: Convolution,
    positions: number,
    front: number,
    length: number,
  ) {
    this.name = layer.name;
    this.output = layer.output;
    this.parameter = layer.parameter;
    if (layer.block !== undefined) this.block = layer.block;
    this.#backend = backend;
    this.#layer = layer;
    this.#positions = positions;
    this.#front = front;
    this.#length = length;
  }

  get capture(): ConvCapture | undefined {
    return this.#layer.capture;
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const backend = this.#backend;
    this.#mask = pass.mask;
    const real = pass.mask === undefined ? x : withoutPadding(backend, x, pass.mask);
    const padded = backend.scratch(examples * this.#length, x.cols);
    backend.axpby(padded, 0, padded, 0);
    const size = this.#positions * x.cols;
    backend.axpby(this.#inside(padded, examples), 1, reshaped(real, examples, size), 0);
    return this.#layer.forward(padded, examples, pass);
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const padded = this.#layer.backward(g, pass, needInput);
    if (padded === undefined) return undefined;
    const backend = this.#backend;
    const examples = padded.rows / this.#length;
    const out = backend.scratch(examples * this.#positions, padded.cols);
    const rows = reshaped(out, examples, this.#positions * padded.cols);
    backend.axpby(rows, 1, this.#inside(padded, examples), 0);
    if (this.#mask !== undefined) {
      backend.scaleRows(out, out, columnsOf(this.#mask.weights, 0, out.rows));
    }
    return out;
  }

  [Symbol.dispose](): void {
    this.#layer[Symbol.dispose]();
  }

  /** Where the sequences lie in the padded ones, a row each. */
  #inside(padded: Matrix, examples: number): Matrix {
    const rows = reshaped(padded, examples, this.#length * padded.cols);
    const from = this.#front * padded.cols;
    return columnsOf(rows, from, from + this.#positions * padded.cols);
  }
}
