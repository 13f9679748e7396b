/**
 * The convolution that makes images larger.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { ConvCapture } from "../core/capture.ts";
import { ShapeError } from "../core/errors.ts";
import {
  convGeometry,
  outHeight,
  outWidth,
  type Pair,
  pairRule,
  resolveWindow,
  type SlidingWindow,
} from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";
import { checkNumber } from "../core/options.ts";
import { flag, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import type { LayerBlock } from "../curvature/blocks/block.ts";
import { buildConvolution } from "./build_convolution.ts";
import type { Convolution } from "./convolution.ts";
import { expectGroups, expectImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { initializerRule, type OwnedParameter, trainableRule } from "./layer_parameter.ts";
import type {
  BackwardPass,
  BuildContext,
  ExampleShape,
  ForwardPass,
  Layer,
  LayerSpec,
} from "./module.ts";

/** Options of {@linkcode conv2dTranspose}. Pairs are [vertical, horizontal]; one number stands for both. */
export interface Conv2dTransposeOptions {
  /** Size of the window, >= 1. */
  readonly kernel: number | Pair;
  /** How many times larger images become, >= 1. @default {1} */
  readonly stride?: number | Pair;
  /** Pixels that are left out on each side, from 0 to `kernel - 1`. @default {0} */
  readonly padding?: number | Pair;
  /** Groups of channels, as of `conv2d`. @default {1} */
  readonly groups?: number;
  /** Whether every output channel has a bias. @default {true} */
  readonly bias?: boolean;
  /** Draws the initial weights; see `init.ts` for which to choose. @default {lecunNormal} */
  readonly init?: Initializer;
  /** `false` freezes the weights; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

/** What the options take. */
export const conv2dTransposeSchema = {
  kernel: pairRule(1),
  stride: optional(pairRule(1), 1),
  padding: optional(pairRule(0), 0),
  groups: optional(number({ min: 1, integer: true }), 1),
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<Conv2dTransposeOptions>;

/**
 * A transposed convolution: every pixel adds its window of weights to the output, windows `stride` apart. It is a
 * convolution of the image with `stride - 1` zeros between its pixels and `kernel - 1 - padding` around it, and has
 * the curvature of that one; the zeros cost `stride^2` times the operations that it needs.
 *
 * Takes [height, width, channels] and gives
 * [(height - 1) stride - 2 padding + kernel, (width - 1) stride - 2 padding + kernel, outChannels]. Weights are those of
 * the convolution, [outChannels, channels kernel^2 + 1]; frameworks that store them as those of the map back turn
 * windows round and exchange the first two sides.
 *
 * @param outChannels Number of output channels, dOut >= 1.
 * @param options Geometry, groups, bias and initial weights.
 * @throws {OptionError} When an option is unknown or outside its range. `ShapeError` when the layer is built and the
 * padding leaves nothing of a window, or groups do not divide the channels.
 *
 * @example Twice the size
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv2dTranspose, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [conv2dTranspose(3, { kernel: 4, stride: 2, padding: 1 })];
 * using model = sequential(backend, { input: [8, 8, 16], layers, seed: 1 });
 * assert.deepEqual(model.output, [16, 16, 3]);
 * ```
 */
export function conv2dTranspose(outChannels: number, options: Conv2dTransposeOptions): LayerSpec {
  const subject = "Cannot create conv2dTranspose";
  checkNumber(subject, "outChannels", outChannels, { min: 1, integer: true });
  const resolved = resolve(subject, options, conv2dTransposeSchema);
  const { init, trainable, groups, bias, ...sizes } = resolved;
  return {
    kind: "convTranspose",
    options: { outChannels, ...sizes, bias, ...(groups > 1 ? { groups } : {}) },
    build(context: BuildContext): Layer {
      const [height, width, channels] = expectImages(context);
      expectGroups(context, groups, outChannels);
      const [kernel, stride, padding] = [sizes.kernel, sizes.stride, sizes.padding].map(pairOf);
      if (padding.some((size, axis) => size >= kernel[axis])) {
        throw new ShapeError(
          `Cannot build '${context.name}'`,
          `padding below the window of ${kernel.join(" x ")}`,
          padding.join(" and "),
        );
      }
      const large = [(height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1, channels] as const;
      const around = [kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1]] as const;
      const name = `Cannot build '${context.name}'`;
      const window = resolveWindow(name, large, { kernel, padding: around });
      const geometry = convGeometry(window, bias, groups);
      const output = [outHeight(window), outWidth(window), outChannels] as const;
      const layer = buildConvolution(context, geometry, output, { init, trainable });
      const apart = resolveWindow(name, large, { kernel: 1, stride });
      return new Spread(context.backend, layer, apart, height * width);
    },
  };
}

function pairOf(value: number | Pair): Pair {
  return typeof value === "number" ? [value, value] : value;
}

/** A convolution of images whose pixels are put apart: owns it. */
class Spread implements Layer {
  readonly name: string;
  readonly output: ExampleShape;
  readonly parameter: OwnedParameter;
  readonly block?: LayerBlock;
  readonly #backend: Backend;
  readonly #layer: Convolution;
  /** The window of one pixel that finds the image's again. */
  readonly #apart: SlidingWindow;
  readonly #pixels: number;

  constructor(backend: Backend, layer: Convolution, apart: SlidingWindow, pixels: number) {
    this.name = layer.name;
    this.output = layer.output;
    this.parameter = layer.parameter;
    if (layer.block !== undefined) this.block = layer.block;
    this.#backend = backend;
    this.#layer = layer;
    this.#apart = apart;
    this.#pixels = pixels;
  }

  get capture(): ConvCapture | undefined {
    return this.#layer.capture;
  }

  forward(x: Matrix, examples: number, pass: ForwardPass): Matrix {
    const backend = this.#backend;
    const { height, width } = this.#apart;
    const large = backend.scratch(examples * height * width, x.cols);
    // A mean's gradient asks for the shape of what was pooled, not for its numbers.
    const shape = backend.scratch(large.rows, large.cols);
    backend.poolGradient("average", large, shape, x, x, this.#apart);
    return this.#layer.forward(large, examples, pass);
  }

  backward(g: Matrix, pass: BackwardPass, needInput: boolean): Matrix | undefined {
    const large = this.#layer.backward(g, pass, needInput);
    if (large === undefined) return undefined;
    const { height, width } = this.#apart;
    const out = this.#backend.scratch(large.rows / (height * width) * this.#pixels, large.cols);
    this.#backend.pool("average", out, large, this.#apart);
    return out;
  }

  [Symbol.dispose](): void {
    this.#layer[Symbol.dispose]();
  }
}
