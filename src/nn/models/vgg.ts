/**
 * The VGG16 network for small images (Simonyan & Zisserman 2015, configuration D).
 *
 * @module
 */

import { optional, resolve } from "../../core/schema.ts";
import { relu } from "../activations.ts";
import { batchNorm2d } from "../batch_norm2d.ts";
import { conv2d } from "../conv2d.ts";
import { dense } from "../dense.ts";
import { flatten } from "../flatten.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { size } from "./rules.ts";
import { maxPool2d } from "../pool.ts";

/** Options of {@linkcode vgg16}. */
export interface Vgg16Options {
  /** Output channels of the first stage, >= 1; the others have 2, 4, 8 and 8 times as many. @default {64} */
  readonly width?: number;
  /** Number of outputs, >= 1. @default {10} */
  readonly classes?: number;
}

/** Convolutions in each stage, and their channels over those of the first. */
const STAGES = [[2, 1], [2, 2], [3, 4], [3, 8], [3, 8]] as const;

/**
 * Thirteen 3 x 3 convolutions with batch normalisation and ReLU, a 2 x 2 maximum after each of five
 * stages, and one dense layer in the place of the original's three, as is usual for CIFAR; outputs are logits.
 * Takes images of 32 x 32 and more. On 32 x 32 x 3 with the defaults: 14,724,042 parameters.
 *
 * Its widest factors are of order 4608: for second-order training choose a smaller width, or give those
 * layers a diagonal block.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { vgg16, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [32, 32, 3], layers: vgg16({ width: 1 }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [10]);
 * ```
 */
export function vgg16(options: Vgg16Options = {}): LayerSpec[] {
  const subject = "Cannot create vgg16";
  const { width, classes } = resolve(subject, options, {
    width: optional(size, 64),
    classes: optional(size, 10),
  });
  const stage = (count: number, channels: number): LayerSpec[] => [
    ...Array.from({ length: count }, () => [
      conv2d(channels, { kernel: 3, padding: 1, bias: false, init: heNormal }),
      batchNorm2d(),
      relu(),
    ]).flat(),
    maxPool2d({ kernel: 2 }),
  ];
  return [
    ...STAGES.flatMap(([count, factor]) => stage(count, factor * width)),
    flatten(),
    dense(classes, { init: lecunNormal }),
  ];
}
