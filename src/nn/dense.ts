/**
 * The fully connected layer.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { DenseCapture } from "../core/capture.ts";
import { resolveWindow } from "../core/geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "../core/matrix.ts";
import { checkNumber } from "../core/options.ts";
import { flag, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { Convolution } from "./convolution.ts";
import { expectNoImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import {
  createParameter,
  expectForward,
  initializerRule,
  type OwnedParameter,
  trainableRule,
} from "./layer_parameter.ts";
import type { BackwardPass, BuildContext, ExampleShape, Layer, LayerSpec } from "./module.ts";

/** Options of {@linkcode dense}. */
export interface DenseOptions {
  /** Whether every output has a bias. @default {true} */
  readonly bias?: boolean;
  /** Draws the initial weights; see `init.ts` for which to choose. @default {lecunNormal} */
  readonly init?: Initializer;
  /** `false` freezes the weights; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

/** What the options take. */
export const denseSchema = {
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<DenseOptions>;

/**
 * A fully connected layer, `s_n = Wbar abar_n` with `abar_n = [a_n; 1]` and `Wbar = [W | b]`.
 *
 * Takes [features] and gives [outFeatures]. Of a sequence [T, channels] it takes every position for itself and
 * gives [T, outFeatures]: a convolution whose window is one position, with T locations an example. Images need
 * a `flatten()` before it.
 *
 * @param outFeatures Number of outputs, dOut >= 1.
 * @param options Bias and initial weights.
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Every position of a sequence for itself
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [10, 4], layers: [dense(3)], seed: 1 });
 * assert.deepEqual(model.layers[0].output, [10, 3]);
 * assert.equal(model.parameters[0].value.cols, 4 + 1);
 * ```
 */
export function dense(outFeatures: number, options: DenseOptions = {}): LayerSpec {
  const subject = "Cannot create dense";
  checkNumber(subject, "outFeatures", outFeatures, { min: 1, integer: true });
  const { bias, init, trainable } = resolve(subject, options, denseSchema);
  return {
    kind: "dense",
    options: { outFeatures, bias },
    build(context: BuildContext): Layer {
      const shape = expectNoImages(context);
      const inputs = shape[shape.length - 1]!;
      const parameter = createParameter(context, {
        layer: { kind: "dense", bias, ...(shape.length === 1 ? {} : { positions: shape[0] }) },
        outputs: outFeatures,
        inputs,
        fan: { in: inputs, out: outFeatures },
        init,
        trainable,
      });
      return denseLayer(context, parameter, bias);
    },
  };
}

/**
 * The layer of weights that are there, on features or on every position of a sequence.
 *
 * @param parameter [dOut, dIn'] that fit what the layer receives; it takes them over.
 */
export function denseLayer(context: BuildContext, parameter: OwnedParameter, bias: boolean): Layer {
  const { backend, name } = context;
  const shape = expectNoImages(context);
  const inputs = shape[shape.length - 1]!;
  if (shape.length === 1) return new Dense(backend, name, parameter, inputs);
  const window = resolveWindow(name, [shape[0], 1, inputs], { kernel: 1 });
  const output = [shape[0], parameter.value.rows] as const;
  return new Convolution(backend, name, parameter, { ...window, bias }, output);
}

class Dense implements Layer {
  readonly output: ExampleShape;
  readonly #backend: Backend;
  /** dIn, without the homogeneous coordinate. */
  readonly #features: number;
  /** `abar` of the last forward pass, [N, dIn']. */
  #inputs: Matrix | undefined;
  #capture: DenseCapture | undefined;

  constructor(
    backend: Backend,
    readonly name: string,
    readonly parameter: OwnedParameter,
    features: number,
  ) {
    this.output = [parameter.value.rows];
    this.#backend = backend;
    this.#features = features;
  }

  get capture(): DenseCapture | undefined {
    return this.#capture;
  }

  forward(x: Matrix, examples: number): Matrix {
    const backend = this.#backend;
    const { value } = this.parameter;
    let inputs = x;
    if (value.cols > this.#features) {
      inputs = backend.scratch(examples, value.cols);
      backend.appendOnes(inputs, x);
    }
    this.#inputs = inputs;
    const out = backend.scratch(examples, value.rows);
    backend.gemm(out, inputs, value, { transposeB: true });
    return out;
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const inputs = rowsOf(expectForward(this.name, this.#inputs), 0, g.rows);
    const { value, gradient } = this.parameter;
    const { trainable } = this.parameter;
    this.#capture = trainable
      ? { kind: "dense", examples: g.rows, inputs, outputGradients: g }
      : undefined;
    if (trainable && pass.kind === "gradient") {
      const { scale: alpha, decay: beta } = pass;
      this.#backend.gemm(gradient, g, inputs, { transposeA: true, alpha, beta });
    }
    if (!needInput) return undefined;
    const out = this.#backend.scratch(g.rows, this.#features);
    this.#backend.gemm(out, g, columnsOf(value, 0, this.#features));
    return out;
  }

  [Symbol.dispose](): void {
    this.parameter[Symbol.dispose]();
  }
}
