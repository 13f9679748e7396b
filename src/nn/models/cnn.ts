/**
 * A small convolutional classifier for small images.
 *
 * @module
 */

import { optional, resolve } from "../../core/schema.ts";
import { relu } from "../activations.ts";
import { conv2d } from "../conv2d.ts";
import { dense } from "../dense.ts";
import { flatten } from "../flatten.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { size, sizes } from "./rules.ts";
import { maxPool2d } from "../pool.ts";

/** Options of {@linkcode cnn}. */
export interface CnnOptions {
  /** Output channels of the two convolutions. @default {[8, 16]} */
  readonly channels?: readonly [number, number];
  /** Number of outputs. @default {10} */
  readonly classes?: number;
}

/**
 * Two 5 x 5 convolutions, each followed by ReLU and a 2 x 2 maximum, and a dense layer; outputs are
 * logits. On images of 28 x 28 x 1 with the defaults: 11,274 parameters and 0.8 million multiply-adds
 * per image and forward pass.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { cnn, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [28, 28, 1], layers: cnn({ channels: [2, 4] }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [10]);
 * ```
 */
export function cnn(options: CnnOptions = {}): LayerSpec[] {
  const { channels, classes } = resolve("Cannot create cnn", options, {
    channels: optional(sizes, [8, 16]),
    classes: optional(size, 10),
  });
  return [
    ...channels.flatMap((count) => [
      conv2d(count, { kernel: 5, padding: 2, init: heNormal }),
      relu(),
      maxPool2d({ kernel: 2 }),
    ]),
    flatten(),
    dense(classes, { init: lecunNormal }),
  ];
}
