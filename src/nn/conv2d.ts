/**
 * The convolution layer.
 *
 * @module
 */

import {
  type ConvGeometry,
  outHeight,
  outWidth,
  type Pair,
  pairRule,
  resolveWindow,
} from "../core/geometry.ts";
import { checkNumber } from "../core/options.ts";
import { flag, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { Convolution } from "./convolution.ts";
import { expectImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { createParameter, initializerRule, trainableRule } from "./layer_parameter.ts";
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
      const output = [outHeight(geometry), outWidth(geometry), outChannels] as const;
      return new Convolution(context.backend, context.name, parameter, geometry, output);
    },
  };
}
