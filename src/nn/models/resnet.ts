/**
 * Residual networks for small images (He et al. 2016, section 4.2).
 *
 * @module
 */

import { optional, resolve, where } from "../../core/schema.ts";
import { relu } from "../activations.ts";
import { batchNorm2d } from "../batch_norm2d.ts";
import { conv2d } from "../conv2d.ts";
import { dense } from "../dense.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { size } from "./rules.ts";
import { globalAveragePool2d } from "../pool.ts";
import { residual } from "../residual.ts";

/** Options of {@linkcode resnet20}. */
export interface ResNet20Options {
  /** Output channels of the first of three stages, >= 1; each stage has twice those of the one before. @default {16} */
  readonly width?: number;
  /** Number of outputs, >= 1. @default {10} */
  readonly classes?: number;
}

/** Options of {@linkcode resnet}. */
export interface ResNetOptions extends ResNet20Options {
  /** Layers with weights on the longest path, 6 n + 2 with n blocks in each stage: 8, 14, 20, 32, ... */
  readonly depth: number;
}

/**
 * The ResNet20 of the paper's experiments on CIFAR-10: {@linkcode resnet} of depth 20. On images of
 * 32 x 32 x 3 with the defaults: 269,722 parameters and 40.6 million multiply-adds per image and forward pass.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { resnet20, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [32, 32, 3], layers: resnet20({ width: 2 }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [10]);
 * ```
 */
export function resnet20(options: ResNet20Options = {}): LayerSpec[] {
  const { width, classes } = resolve("Cannot create resnet20", options, sizesSchema);
  return resnet({ width, classes, depth: 20 });
}

/**
 * A 3 x 3 convolution, three stages of residual blocks at full, half and quarter resolution, the mean over
 * the image, and a dense layer; outputs are logits. A block is two 3 x 3 convolutions, each with batch
 * normalisation, and a shortcut without weights (option A). Takes images of any size.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Its layers in a model
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { resnet, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [32, 32, 3], layers: resnet({ depth: 8, width: 2 }), seed: 1 });
 * assert.deepEqual(model.layers.at(-1)!.output, [10]);
 * ```
 */
export function resnet(options: ResNetOptions): LayerSpec[] {
  const subject = "Cannot create resnet";
  const { depth, width, classes } = resolve(subject, options, { ...sizesSchema, depth: depthRule });
  const blocks = (depth - 2) / 6;
  const stages = [0, 1, 2].flatMap((stage) =>
    Array.from({ length: blocks }, (_, i) => {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      return block(width * 2 ** stage, stride);
    }).flat()
  );
  return [
    ...normalizedConv(width, 1),
    relu(),
    ...stages,
    globalAveragePool2d(),
    dense(classes, { init: lecunNormal }),
  ];
}

const sizesSchema = { width: optional(size, 16), classes: optional(size, 10) };

const depthRule = where(
  "6 n + 2 with n >= 1: 8, 14, 20, ...",
  (depth): depth is number => typeof depth === "number" && depth >= 8 && depth % 6 === 2,
);

function block(channels: number, stride: number): LayerSpec[] {
  const body = [...normalizedConv(channels, stride), relu(), ...normalizedConv(channels, 1)];
  return [residual(body), relu()];
}

function normalizedConv(channels: number, stride: number): LayerSpec[] {
  return [
    conv2d(channels, { kernel: 3, padding: 1, stride, bias: false, init: heNormal }),
    batchNorm2d(),
  ];
}
