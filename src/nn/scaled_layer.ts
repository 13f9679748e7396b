/**
 * What normalisations of each example for itself share: scales and shifts per channel, and what they leave behind.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { ElementsCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { flag, number, optional, type SchemaOf } from "../core/schema.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { ScaleShiftBlock } from "../curvature/blocks/scale_shift.ts";
import { channelsOf, rowsPerExample } from "./example_shape.ts";
import {
  allocateParameter,
  expectForward,
  type OwnedParameter,
  trainableRule,
} from "./layer_parameter.ts";
import type { BackwardPass, BuildContext, ExampleShape, Layer } from "./module.ts";

/** Options of {@linkcode layerNorm} and {@linkcode rmsNorm}. */
export interface RowNormOptions {
  /** Added to variances before the root is taken, > 0. @default {1e-5} */
  readonly epsilon?: number;
  /** Whether channels are shifted, too, and not scaled alone. @default {true} */
  readonly shift?: boolean;
  /** `false` freezes scales and shifts; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

/** What the options take. */
export const rowNormSchema = {
  epsilon: optional(number({ above: 0 }), 1e-5),
  shift: optional(flag, true),
  trainable: trainableRule,
} satisfies SchemaOf<RowNormOptions>;

/** A function of an example's rows, and scales and shifts of its channels. */
export interface ScaledFunction {
  /** Outputs [N T, C] for inputs of that shape. */
  forward(x: Matrix, weights: Matrix): Matrix;
  /** Gradients of scales and shifts of each example, side by side, [N, 2 C]. */
  sums(x: Matrix, g: Matrix): Matrix;
  /** Gradient of the inputs, [N T, C]. */
  gradient(x: Matrix, g: Matrix, weights: Matrix): Matrix;
}

/** Builds the layer of a function: scales begin at 1, shifts at 0. */
export function scaledLayer(
  context: BuildContext,
  { shift, trainable }: Pick<Required<RowNormOptions>, "shift" | "trainable">,
  rule: ScaledFunction,
): Layer {
  const channels = channelsOf(context.input);
  const shape = [shift ? 2 : 1, channels] as const;
  const ones = () => new Float64Array(shape[0] * channels).fill(1, 0, channels);
  const parameter = allocateParameter(context, { kind: "scaleShift" }, shape, ones, trainable);
  return new ScaledLayer(context.backend, context.input, parameter, rule);
}

class ScaledLayer implements Layer {
  readonly name: string;
  /** Scales alone have none besides the diagonal. */
  readonly block?: LayerBlock;
  readonly #backend: Backend;
  readonly #rule: ScaledFunction;
  /** Inputs of the last forward pass, [N T, C]. */
  #x: Matrix | undefined;
  #capture: ElementsCapture | undefined;

  constructor(
    backend: Backend,
    readonly output: ExampleShape,
    readonly parameter: OwnedParameter,
    rule: ScaledFunction,
  ) {
    this.name = parameter.name;
    this.#backend = backend;
    this.#rule = rule;
    if (parameter.value.rows === 2) {
      this.block = (backend, parameter, options) =>
        new ScaleShiftBlock(backend, parameter, options);
    }
  }

  get capture(): ElementsCapture | undefined {
    return this.#capture;
  }

  forward(x: Matrix): Matrix {
    this.#x = x;
    return this.#rule.forward(x, this.parameter.value);
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const backend = this.#backend;
    const x = rowsOf(expectForward(this.name, this.#x), 0, g.rows);
    this.#capture = this.parameter.trainable ? this.#perExample(x, g) : undefined;
    if (this.#capture !== undefined && pass.kind === "gradient") {
      const { examples, gradients } = this.#capture;
      const ones = backend.scratch(1, examples);
      backend.write(ones, new Float32Array(examples).fill(1));
      const { scale: alpha, decay: beta } = pass;
      const out = reshaped(this.parameter.gradient, 1, gradients.cols);
      backend.gemm(out, ones, gradients, { alpha, beta });
    }
    return needInput ? this.#rule.gradient(x, g, this.parameter.value) : undefined;
  }

  /** Gradients of scales and shifts of each example. */
  #perExample(x: Matrix, g: Matrix): ElementsCapture {
    const { rows, cols } = this.parameter.value;
    const gradients = columnsOf(this.#rule.sums(x, g), 0, rows * cols);
    return { kind: "elements", examples: g.rows / rowsPerExample(this.output), gradients };
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
  }
}
