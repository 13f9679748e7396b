/**
 * The convolution layer.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import {
  type ConvGeometry,
  outHeight,
  outWidth,
  type Pair,
  resolveWindow,
} from "../core/geometry.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Convolution } from "./convolution.ts";
import { expectImages } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { createParameter } from "./layer_parameter.ts";
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
  /** Only 1: every output channel sees every input channel. @default {1} */
  readonly groups?: 1;
}

/**
 * A convolution (cross-correlation, as in all networks): `s_nt = Wbar abar_nt` for every patch
 * `abar_nt` of example n at location t, with the homogeneous 1 last in the patch.
 *
 * Takes [height, width, channels] and gives [outHeight, outWidth, outChannels].
 *
 * @param outChannels Number of output channels, dOut >= 1.
 * @param options Geometry, bias and initial weights.
 * @throws {OptionError} When an option is unknown or outside its range. Numbers of the geometry are
 * checked when the layer is built, as is whether the window fits (`ShapeError`).
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
  checkKnownKeys(subject, options, OPTION_NAMES);
  if (options.kernel === undefined) {
    throw new OptionError(subject, "kernel", "must be given, as one or two integers", undefined);
  }
  if (options.groups !== undefined && options.groups !== 1) {
    const expectation = "must be 1 or left out (grouped convolutions are not available; " +
      "connect all channels instead)";
    throw new OptionError(subject, "groups", expectation, options.groups);
  }
  const { bias = true, init = lecunNormal } = options;
  return {
    kind: "conv",
    build(context: BuildContext): Layer {
      const images = expectImages(context);
      const window = resolveWindow(`Cannot build '${context.name}'`, images, options);
      const geometry: ConvGeometry = { ...window, bias };
      const area = geometry.kernel[0] * geometry.kernel[1];
      const parameter = createParameter(context, {
        layer: { kind: "conv2d", geometry },
        outputs: outChannels,
        inputs: area * geometry.channels,
        fan: { in: area * geometry.channels, out: area * outChannels },
        init,
      });
      const output = [outHeight(geometry), outWidth(geometry), outChannels] as const;
      return new Convolution(context.backend, parameter, geometry, output);
    },
  };
}

const OPTION_NAMES = ["kernel", "stride", "padding", "dilation", "bias", "init", "groups"] as const;
