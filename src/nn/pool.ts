/**
 * Pooling: every window of an image is summarised by one number per channel.
 *
 * @module
 */

import type { Pooling } from "../backend/backend.ts";
import { OptionError } from "../core/errors.ts";
import {
  locationsOf,
  outHeight,
  outWidth,
  type Pair,
  pairRule,
  resolveWindow,
  type SlidingWindow,
} from "../core/geometry.ts";
import { rowsOf } from "../core/matrix.ts";
import { maybe, optional, resolve, type Resolved, type SchemaOf } from "../core/schema.ts";
import { expectImages } from "./example_shape.ts";
import type { BuildContext, ExampleShape, Layer, LayerSpec } from "./module.ts";
import { functionLayer } from "./function_layer.ts";

/** Options of the poolings. Pairs are [vertical, horizontal]; one number stands for both. */
export interface PoolOptions {
  /** Size of the window, >= 1. */
  readonly kernel: number | Pair;
  /** Step between windows, >= 1. @default {the kernel: windows side by side} */
  readonly stride?: number | Pair;
  /** Pixels added on each side, >= 0 and less than the kernel. They take no part. @default {0} */
  readonly padding?: number | Pair;
}

/** What the options take. */
export const poolSchema = {
  kernel: pairRule(1),
  stride: maybe(pairRule(1)),
  padding: optional(pairRule(0), 0),
} satisfies SchemaOf<PoolOptions>;

/**
 * The largest number of each window. Its gradient goes to the first pixel that attains it.
 *
 * Takes [height, width, channels] and gives [outHeight, outWidth, channels].
 *
 * @throws {OptionError} When an option is unknown or outside its range. Whether the window fits is checked when
 * the layer is built.
 *
 * @example Half the size, or a single location
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { averagePool2d, globalAveragePool2d, maxPool2d, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [8, 8, 3],
 *   layers: [maxPool2d({ kernel: 2 }), averagePool2d({ kernel: 2 }), globalAveragePool2d()],
 *   seed: 1,
 * });
 * assert.deepEqual(model.layers.map(({ output }) => output), [[4, 4, 3], [2, 2, 3], [3]]);
 * ```
 */
export function maxPool2d(options: PoolOptions): LayerSpec {
  return pool("max", "maxPool", "Cannot create maxPool2d", options);
}

/**
 * The mean of each window, over the pixels that are inside the image.
 *
 * Takes [height, width, channels] and gives [outHeight, outWidth, channels].
 *
 * @throws {OptionError} When an option is unknown or outside its range. Whether the window fits is checked when
 * the layer is built.
 */
export function averagePool2d(options: PoolOptions): LayerSpec {
  return pool("average", "averagePool", "Cannot create averagePool2d", options);
}

/**
 * The mean of each channel over the whole image: what classifiers of any image size end with.
 *
 * Takes [height, width, channels] and gives [channels].
 */
export function globalAveragePool2d(): LayerSpec {
  return {
    kind: "globalAveragePool",
    options: {},
    build(context: BuildContext): Layer {
      const images = expectImages(context);
      const [height, width, channels] = images;
      const kernel = [height, width] as const;
      const window = resolveWindow(`Cannot build '${context.name}'`, images, { kernel });
      return poolLayer(context, "average", window, [channels]);
    },
  };
}

function pool(pooling: Pooling, kind: string, subject: string, options: PoolOptions): LayerSpec {
  const resolved = resolve(subject, options, poolSchema);
  return {
    kind,
    options: { ...resolved },
    build(context: BuildContext): Layer {
      const window = poolWindow(context, resolved);
      const output = [outHeight(window), outWidth(window), window.channels] as const;
      return poolLayer(context, pooling, window, output);
    },
  };
}

function poolLayer(
  context: BuildContext,
  pooling: Pooling,
  window: SlidingWindow,
  output: ExampleShape,
): Layer {
  const { backend } = context;
  return functionLayer(context, {
    output,
    forward(images, examples) {
      const pooled = backend.scratch(examples * locationsOf(window), window.channels);
      backend.pool(pooling, pooled, images, window);
      return { outputs: pooled, kept: { images, pooled } };
    },
    backward(g, { images, pooled }) {
      const pixels = g.rows / locationsOf(window) * window.height * window.width;
      const out = backend.scratch(pixels, images.cols);
      const [seen, given] = [rowsOf(images, 0, pixels), rowsOf(pooled, 0, g.rows)];
      backend.poolGradient(pooling, out, seen, given, g, window);
      return out;
    },
  });
}

function poolWindow(context: BuildContext, options: Resolved<typeof poolSchema>): SlidingWindow {
  const subject = `Cannot build '${context.name}'`;
  const window = resolveWindow(subject, expectImages(context), {
    ...options,
    stride: options.stride ?? options.kernel,
  });
  // A window that lies in the padding alone would have neither a maximum nor a mean.
  if (window.padding.some((padding, axis) => padding >= window.kernel[axis])) {
    throw new OptionError(subject, "padding", "must be less than the kernel", options.padding);
  }
  return window;
}
