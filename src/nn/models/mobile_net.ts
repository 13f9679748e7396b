/**
 * Networks of depthwise convolutions for small images.
 *
 * @module
 */

import { number, optional, resolve } from "../../core/schema.ts";
import { relu } from "../activations.ts";
import { batchNorm2d } from "../batch_norm2d.ts";
import { conv2d } from "../conv2d.ts";
import { dense } from "../dense.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { globalAveragePool2d } from "../pool.ts";
import { residual } from "../residual.ts";
import { size } from "./rules.ts";

/** Options of {@linkcode mobileBlock}. */
export interface MobileBlockOptions {
  /** Channels that come in. */
  readonly from: number;
  /** Channels that go out. @default {from} */
  readonly to?: number;
  /** Step of the depthwise convolution. @default {1} */
  readonly stride?: number;
  /** How many times more channels there are inside. @default {6} */
  readonly expansion?: number;
}

/** Options of {@linkcode mobileNet}. */
export interface MobileNetOptions {
  /** Channels of the first of three stages; each has twice those of the one before. @default {16} */
  readonly width?: number;
  /** Blocks of a stage, 1 to 64. @default {2} */
  readonly blocks?: number;
  /** How many times more channels there are inside a block. @default {6} */
  readonly expansion?: number;
  /** Number of outputs. @default {10} */
  readonly classes?: number;
}

/**
 * The inverted residual of MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, section 3.3): more channels by a
 * convolution of single pixels, a 3 x 3 convolution of each channel for itself, and fewer channels again, linearly;
 * each with batch normalisation, and around all of it a shortcut where shapes allow.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Half the size, twice the channels
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { mobileBlock, mobileNet, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = mobileBlock({ from: 4, to: 8, stride: 2 });
 * using block = sequential(backend, { input: [8, 8, 4], layers, seed: 1 });
 * assert.deepEqual(block.output, [4, 4, 8]);
 *
 * using model = sequential(backend, { input: [32, 32, 3], layers: mobileNet({ width: 4 }), seed: 1 });
 * assert.deepEqual(model.output, [10]);
 * ```
 */
export function mobileBlock(options: MobileBlockOptions): LayerSpec[] {
  const { from, to = from, stride, expansion } = resolve("Cannot create mobileBlock", options, {
    from: size,
    to: optional(size, options.from),
    stride: optional(size, 1),
    expansion: optional(size, 6),
  });
  const inside = from * expansion;
  const wider = [conv2d(inside, { kernel: 1, bias: false, init: heNormal }), batchNorm2d(), relu()];
  const body = [
    ...(expansion > 1 ? wider : []),
    conv2d(inside, { kernel: 3, padding: 1, stride, groups: inside, bias: false, init: heNormal }),
    batchNorm2d(),
    relu(),
    conv2d(to, { kernel: 1, bias: false }),
    batchNorm2d(),
  ];
  return stride === 1 && from === to ? [residual(body)] : body;
}

/**
 * A 3 x 3 convolution, three stages of {@linkcode mobileBlock}s at full, half and quarter resolution, the mean over
 * the image, and a dense layer; outputs are logits. Takes images of any size. Weights of 3 x 3 windows, nine tenths
 * of a residual network's, are a few per cent here.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 */
export function mobileNet(options: MobileNetOptions = {}): LayerSpec[] {
  const { width, blocks, expansion, classes } = resolve("Cannot create mobileNet", options, {
    width: optional(size, 16),
    blocks: optional(number({ min: 1, max: 64, integer: true }), 2),
    expansion: optional(size, 6),
    classes: optional(size, 10),
  });
  const stages = [0, 1, 2].flatMap((stage) =>
    Array.from({ length: blocks }, (_, i) => {
      const to = width * 2 ** stage;
      const first = stage > 0 && i === 0;
      return mobileBlock({ from: first ? to / 2 : to, to, stride: first ? 2 : 1, expansion });
    }).flat()
  );
  return [
    conv2d(width, { kernel: 3, padding: 1, bias: false, init: heNormal }),
    batchNorm2d(),
    relu(),
    ...stages,
    globalAveragePool2d(),
    dense(classes, { init: lecunNormal }),
  ];
}
