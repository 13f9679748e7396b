/**
 * The convolution layer.
 *
 * @module
 */

import {
  convGeometry,
  outHeight,
  outWidth,
  type Pair,
  pairRule,
  resolveWindow,
} from "../core/geometry.ts";
import { checkNumber } from "../core/options.ts";
import { flag, number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { buildConvolution } from "./build_convolution.ts";
import { expectGroups, expectImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { initializerRule, trainableRule } from "./layer_parameter.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";

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
  /**
   * Groups of channels that are convolved each for itself, >= 1: a divisor of the incoming channels and of
   * `outChannels`. As many as incoming channels make the convolution depthwise. @default {1}
   */
  readonly groups?: number;
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
  groups: optional(number({ min: 1, integer: true }), 1),
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<Conv2dOptions>;

/**
 * A convolution (cross-correlation, as in all networks): `s_nt = Wbar abar_nt` for every patch
 * `abar_nt` of example n at location t, with the homogeneous 1 last in the patch.
 *
 * Takes [height, width, channels] and gives [outHeight, outWidth, outChannels]. With groups, the i-th of
 * `outChannels / groups` outputs sees the i-th of `channels / groups` channels alone, and has a curvature of its own
 * (docs/MATH.md, section 2.12).
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
 *
 * @example A depthwise convolution, then one of single pixels: the pair costs a ninth of a 3 x 3 convolution
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv2d, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [8, 8, 16],
 *   layers: [conv2d(16, { kernel: 3, padding: 1, groups: 16 }), conv2d(32, { kernel: 1 })],
 *   seed: 1,
 * });
 * assert.deepEqual(model.parameters.map(({ value }) => value.cols), [3 * 3 + 1, 16 + 1]);
 * ```
 */
export function conv2d(outChannels: number, options: Conv2dOptions): LayerSpec {
  const subject = "Cannot create conv2d";
  checkNumber(subject, "outChannels", outChannels, { min: 1, integer: true });
  const resolved = resolve(subject, options, conv2dSchema);
  const { init, trainable, groups, ...plain } = resolved;
  return {
    kind: "conv",
    options: { outChannels, ...plain, ...(groups > 1 ? { groups } : {}) },
    build(context: BuildContext): Layer {
      const images = expectImages(context);
      const window = resolveWindow(`Cannot build '${context.name}'`, images, resolved);
      expectGroups(context, groups, outChannels);
      const geometry = convGeometry(window, resolved.bias, groups);
      const output = [outHeight(geometry), outWidth(geometry), outChannels] as const;
      return buildConvolution(context, geometry, output, { init, trainable });
    },
  };
}
