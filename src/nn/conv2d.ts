/**
 * The convolution layer.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { ConvCapture } from "../core/capture.ts";
import {
  type ConvGeometry,
  locationsOf,
  outHeight,
  outWidth,
  type Pair,
  pairRule,
  resolveWindow,
} from "../core/geometry.ts";
import { type Matrix, rowsOf } from "../core/matrix.ts";
import { checkNumber } from "../core/options.ts";
import { flag, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { expectImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import {
  createParameter,
  expectForward,
  initializerRule,
  type OwnedParameter,
  trainableRule,
} from "./layer_parameter.ts";
import type { BackwardPass, BuildContext, ExampleShape, Layer, LayerSpec } from "./module.ts";

/** Options of {@linkcode conv2d}. Pairs are [vertical, horizontal]; one number stands for both. */
export interface Conv2dOptions {
  /** Size of the window, >= 1. */
  readonly kernel: number | Pair;
  /** Step between windows, >= 1. @default {1} */
  readonly stride?: number | Pair;
  /** Zeros added on each side, >= 0; `(kernel - 1) / 2` keeps the size at stride 1. @default {0} */
  readonly padding?: number | Pair;
  /** Distance between neighbouring pixels of the window, >= 1. @default {1} */
  readonly dilation?: number | Pair;
  /** Whether every output channel has a bias. @default {true} */
  readonly bias?: boolean;
  /** Draws the initial weights; see `init.ts` for which to choose. @default {lecunNormal} */
  readonly init?: Initializer;
  /** `false` freezes the weights; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

/** What the options take. */
export const conv2dSchema = {
  kernel: pairRule(1),
  stride: optional(pairRule(1), 1),
  padding: optional(pairRule(0), 0),
  dilation: optional(pairRule(1), 1),
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<Conv2dOptions>;

/**
 * A convolution (cross-correlation, as in all networks): `s_nt = Wbar abar_nt` for every patch
 * `abar_nt` of example n at location t, with the homogeneous 1 last in the patch.
 *
 * Takes [height, width, channels] and gives [outHeight, outWidth, outChannels].
 *
 * @param outChannels Number of output channels, dOut >= 1.
 * @param options Geometry, bias and initial weights.
 * @throws {OptionError} When an option is unknown or outside its range. Whether the window fits is checked when
 * the layer is built (`ShapeError`).
 *
 * @example Sixteen channels out of three, half the size
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv2d, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [32, 32, 3],
 *   layers: [conv2d(16, { kernel: 3, stride: 2, padding: 1 })],
 *   seed: 1,
 * });
 * assert.deepEqual(model.layers[0].output, [16, 16, 16]);
 * assert.equal(model.parameters[0].value.cols, 3 * 3 * 3 + 1);
 * ```
 */
export function conv2d(outChannels: number, options: Conv2dOptions): LayerSpec {
  const subject = "Cannot create conv2d";
  checkNumber(subject, "outChannels", outChannels, { min: 1, integer: true });
  const resolved = resolve(subject, options, conv2dSchema);
  const { init, trainable, ...geometry } = resolved;
  const { bias } = resolved;
  return {
    kind: "conv",
    options: { outChannels, ...geometry },
    build(context: BuildContext): Layer {
      const images = expectImages(context);
      const window = resolveWindow(`Cannot build '${context.name}'`, images, resolved);
      const geometry: ConvGeometry = { ...window, bias };
      const area = geometry.kernel[0] * geometry.kernel[1];
      const parameter = createParameter(context, {
        layer: { kind: "conv2d", geometry },
        outputs: outChannels,
        inputs: area * geometry.channels,
        fan: { in: area * geometry.channels, out: area * outChannels },
        init,
        trainable,
      });
      return new Conv2d(context.backend, parameter, geometry);
    },
  };
}

class Conv2d implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter: OwnedParameter;
  readonly #backend: Backend;
  readonly #geometry: ConvGeometry;
  /** Images of the last forward pass, [N * height * width, channels]. */
  #images: Matrix | undefined;
  #capture: ConvCapture | undefined;

  constructor(backend: Backend, parameter: OwnedParameter, geometry: ConvGeometry) {
    this.name = parameter.name;
    this.output = [outHeight(geometry), outWidth(geometry), parameter.value.rows];
    this.parameter = parameter;
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
