/**
 * Normalisations of every position for itself: layerNorm and rmsNorm.
 *
 * @module
 */

import type { Backend, RowNormKind } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import type { ElementsCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { flag, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { ScaleShiftBlock } from "../curvature/blocks/scale_shift.ts";
import { rowsPerExample } from "./example_shape.ts";
import {
  allocateParameter,
  expectForward,
  type OwnedParameter,
  trainableRule,
} from "./layer_parameter.ts";
import type { BackwardPass, BuildContext, ExampleShape, Layer, LayerSpec } from "./module.ts";

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

/**
 * Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450): the channels of every position (pixel, row of
 * features) are brought to mean 0 and variance 1, then scaled and shifted channel by channel,
 * `y = scale (x - m) / sqrt(v + epsilon) + shift`. Scales start at 1, shifts at 0. Any shape.
 *
 * Examples do not meet, so each leaves the gradient of its own loss with respect to scales and shifts, [2, C], and
 * the Kronecker-factored optimizers give every channel its exact 2 x 2 block. Weight decay leaves them out.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example In front of a dense layer, inside a residual block
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, gelu, layerNorm, residual, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const body = [layerNorm(), dense(32), gelu(), dense(8)];
 * using model = sequential(backend, { input: [10, 8], layers: [residual(body)], seed: 1 });
 * assert.deepEqual(model.parameters.map(({ name }) => name), ["layerNorm1", "dense1", "dense2"]);
 * ```
 */
export function layerNorm(options: RowNormOptions = {}): LayerSpec {
  return rowNorm("layer", "layerNorm", options);
}

/**
 * The same without the mean (Zhang & Sennrich 2019, arXiv 1910.07467): `y = scale x / sqrt(mean x^2 + epsilon) + shift`.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Scales alone
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { objective, rmsNorm, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [rmsNorm({ shift: false, epsilon: 1e-12 })];
 * using model = sequential(backend, { input: [2], layers });
 * assert.equal(model.parameters[0].value.rows, 1);
 * const [x, y] = await objective(model, squaredError()).predict([3, 4]);
 * assert(Math.abs(x / y - 3 / 4) < 1e-6 && Math.abs(x * x + y * y - 2) < 1e-5);
 * ```
 */
export function rmsNorm(options: RowNormOptions = {}): LayerSpec {
  return rowNorm("rms", "rmsNorm", options);
}

function rowNorm(kind: RowNormKind, name: string, options: RowNormOptions): LayerSpec {
  const { epsilon, shift, trainable } = resolve(`Cannot create ${name}`, options, rowNormSchema);
  return {
    kind: name,
    options: { epsilon, shift },
    build(context: BuildContext): Layer {
      const { backend, input } = context;
      backend.extend(sequenceVerbs);
      const channels = input[input.length - 1]!;
      const shape = [shift ? 2 : 1, channels] as const;
      const ones = () => new Float64Array(shape[0] * channels).fill(1, 0, channels);
      const layer = { kind: "scaleShift" } as const;
      const parameter = allocateParameter(context, layer, shape, ones, trainable);
      return new RowNorm(backend, kind, input, parameter, epsilon);
    },
  };
}

class RowNorm implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter: OwnedParameter;
  /** Scales alone have none besides the diagonal. */
  readonly block?: LayerBlock;
  readonly #backend: Backend;
  readonly #kind: RowNormKind;
  readonly #epsilon: number;
  /** Inputs of the last forward pass, [N T, C]. */
  #x: Matrix | undefined;
  #capture: ElementsCapture | undefined;

  constructor(
    backend: Backend,
    kind: RowNormKind,
    output: ExampleShape,
    parameter: OwnedParameter,
    epsilon: number,
  ) {
    this.name = parameter.name;
    this.output = output;
    this.parameter = parameter;
    this.#backend = backend;
    this.#kind = kind;
    this.#epsilon = epsilon;
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
    const out = this.#backend.scratch(x.rows, x.cols);
    this.#backend.rowNorm(this.#kind, out, x, this.parameter.value, this.#epsilon);
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const backend = this.#backend;
    const [kind, epsilon] = [this.#kind, this.#epsilon];
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
    if (!needInput) return undefined;
    const out = backend.scratch(g.rows, g.cols);
    backend.rowNormGradient(kind, out, x, g, this.parameter.value, epsilon);
    return out;
  }

  /** Gradients of scales and shifts of each example. */
  #perExample(x: Matrix, g: Matrix): ElementsCapture {
    const examples = g.rows / rowsPerExample(this.output);
    const sums = this.#backend.scratch(2 * examples, g.cols);
    this.#backend.rowNormSums(this.#kind, sums, x, g, this.#epsilon);
    const { rows, cols } = this.parameter.value;
    const gradients = columnsOf(reshaped(sums, examples, 2 * cols), 0, rows * cols);
    return { kind: "elements", examples, gradients };
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
  }
}
