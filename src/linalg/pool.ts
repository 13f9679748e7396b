/**
 * Maximum and mean over windows of channels-last images.
 *
 * Padding takes no part: it is never the maximum and not counted in the mean. A window that holds
 * nothing but padding gives 0.
 *
 * @module
 */

import { locationsOf, type SlidingWindow } from "../core/geometry.ts";
import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";
import { visitWindows } from "./patches.ts";

/**
 * The largest pixel of every window, channel by channel.
 *
 * @param images [N h w, C].
 * @returns [N T, C].
 *
 * @example One window over two pixels
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const window = resolveWindow("My layer", [1, 2, 1], { kernel: [1, 2] });
 * const images = linalg.denseMatrix(2, 1, [1, 5]), g = linalg.denseMatrix(1, 1, [2]);
 * assert.deepEqual([...linalg.maxPool(images, window).data], [5]);
 * assert.deepEqual([...linalg.maxPoolGradient(images, g, window).data], [0, 2]);
 * assert.deepEqual([...linalg.averagePool(images, window).data], [3]);
 * assert.deepEqual([...linalg.averagePoolGradient(g, window).data], [1, 1]);
 * ```
 */
export function maxPool(images: DenseMatrix, window: SlidingWindow): DenseMatrix {
  const { out, first } = maxima(images, window);
  first.forEach((pixel, i) => {
    out.data[i] = pixel < 0 ? 0 : images.data[pixel * window.channels + (i % window.channels)];
  });
  return out;
}

/**
 * Gradient of {@linkcode maxPool}: it goes to the first pixel that attains the maximum.
 *
 * @param images [N h w, C].
 * @param g Gradient of the pooled images, [N T, C].
 * @returns [N h w, C].
 */
export function maxPoolGradient(
  images: DenseMatrix,
  g: DenseMatrix,
  window: SlidingWindow,
): DenseMatrix {
  const { first } = maxima(images, window);
  const out = denseMatrix(images.rows, images.cols);
  first.forEach((pixel, i) => {
    if (pixel >= 0) out.data[pixel * window.channels + (i % window.channels)] += g.data[i];
  });
  return out;
}

/**
 * The mean of every window, channel by channel.
 *
 * @param images [N h w, C].
 * @returns [N T, C].
 *
 * @example Padding is not counted
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { averagePool, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const image = [1, 2, 1] as const;
 * const window = resolveWindow("Cannot pool", image, { kernel: [1, 3], padding: [0, 1] });
 * assert.deepEqual([...averagePool(denseMatrix(2, 1, [2, 4]), window).data], [3, 3]);
 * ```
 */
export function averagePool(images: DenseMatrix, window: SlidingWindow): DenseMatrix {
  const { channels } = window;
  const examples = images.rows / (window.height * window.width);
  const counts = pixelCounts(window, examples);
  const out = denseMatrix(counts.length, channels);
  visitWindows(window, examples, (location, _tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      out.data[location * channels + c] += images.data[pixel * channels + c] / counts[location];
    }
  });
  return out;
}

/**
 * Gradient of {@linkcode averagePool}: every pixel of a window receives its equal share.
 *
 * @param g Gradient of the pooled images, [N T, C].
 * @returns [N h w, C].
 */
export function averagePoolGradient(g: DenseMatrix, window: SlidingWindow): DenseMatrix {
  const { channels, height, width } = window;
  const examples = g.rows / locationsOf(window);
  const counts = pixelCounts(window, examples);
  const out = denseMatrix(examples * height * width, channels);
  visitWindows(window, examples, (location, _tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      out.data[pixel * channels + c] += g.data[location * channels + c] / counts[location];
    }
  });
  return out;
}

/** Per output element the first pixel that attains the maximum, -1 where there is none. */
function maxima(
  images: DenseMatrix,
  window: SlidingWindow,
): { out: DenseMatrix; first: Int32Array } {
  const { channels } = window;
  const examples = images.rows / (window.height * window.width);
  const out = denseMatrix(examples * locationsOf(window), channels);
  const first = new Int32Array(out.data.length).fill(-1);
  visitWindows(window, examples, (location, _tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      const i = location * channels + c;
      const best = first[i] < 0 ? -Infinity : images.data[first[i] * channels + c];
      if (first[i] < 0 || images.data[pixel * channels + c] > best) first[i] = pixel;
    }
  });
  return { out, first };
}

/** How many pixels of each window lie inside its image. */
function pixelCounts(window: SlidingWindow, examples: number): Int32Array {
  const counts = new Int32Array(examples * locationsOf(window));
  visitWindows(window, examples, (location) => counts[location]++);
  return counts;
}
