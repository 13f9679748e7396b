/**
 * Images cut into patches, and put together again: the linear map that makes a convolution a matrix
 * product.
 *
 * @module
 */

import {
  type ConvGeometry,
  locationsOf,
  outWidth,
  patchLength,
  type SlidingWindow,
} from "../core/geometry.ts";
import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * Calls `visit` for every pixel of every window that lies inside its image, in the order example,
 * location, kernel row, kernel column.
 *
 * @param window How windows slide.
 * @param examples Number of images.
 * @param visit Gets the number of the location `n T + t`, of the pixel in the window
 * `kernelRow kw + kernelColumn`, and of the pixel in the batch `(n h + row) w + column`.
 *
 * @example Two windows of two pixels each
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const window = { ...resolveWindow("My layer", [1, 3, 1], { kernel: [1, 2] }), bias: false };
 * const visited: number[][] = [];
 * linalg.visitWindows(window, 1, (...place) => visited.push(place));
 * assert.deepEqual(visited, [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 2]]);
 *
 * // The pixel in the middle is in both: it comes back twice.
 * const rows = linalg.patches(linalg.denseMatrix(3, 1, [1, 2, 3]), window);
 * assert.deepEqual([...linalg.unpatches(rows, window).data], [1, 4, 3]);
 * ```
 */
export function visitWindows(
  window: SlidingWindow,
  examples: number,
  visit: (location: number, tap: number, pixel: number) => void,
): void {
  const { height, width, kernel, stride, padding, dilation } = window;
  const locations = locationsOf(window);
  const columns = outWidth(window);
  for (let location = 0; location < examples * locations; location++) {
    const example = Math.floor(location / locations);
    const top = Math.floor((location % locations) / columns) * stride[0] - padding[0];
    const left = (location % columns) * stride[1] - padding[1];
    for (let y = 0; y < kernel[0]; y++) {
      for (let x = 0; x < kernel[1]; x++) {
        const row = top + y * dilation[0];
        const column = left + x * dilation[1];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        visit(location, y * kernel[1] + x, (example * height + row) * width + column);
      }
    }
  }
}

/**
 * The patches `abar_nt` (im2col), zero where the window leaves the image.
 *
 * @param images Channels-last, [N h w, C].
 * @param geometry How patches are cut.
 * @returns [N T, dIn] in the stored order (kernel row, kernel column, channel; 1 last if `bias`).
 *
 * @example The 1 x 2 patches of a row of three pixels
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { denseMatrix, patches } from "@tekfac/tekfac/linalg";
 *
 * const window = resolveWindow("Cannot cut patches", [1, 3, 1], { kernel: [1, 2] });
 * const cut = patches(denseMatrix(3, 1, [5, 6, 7]), { ...window, bias: true });
 * assert.deepEqual([...cut.data], [5, 6, 1, 6, 7, 1]);
 * ```
 */
export function patches(images: DenseMatrix, geometry: ConvGeometry): DenseMatrix {
  const { channels, height, width, bias } = geometry;
  const examples = images.rows / (height * width);
  const length = patchLength(geometry);
  const out = denseMatrix(examples * locationsOf(geometry), length);
  visitWindows(geometry, examples, (location, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      out.data[location * length + tap * channels + c] = images.data[pixel * channels + c];
    }
  });
  if (bias) {
    for (let location = 0; location < out.rows; location++) {
      out.data[(location + 1) * length - 1] = 1;
    }
  }
  return out;
}

/**
 * The adjoint of {@linkcode patches} (col2im): every pixel receives the sum over the patches that
 * hold it; the homogeneous coordinate takes no part.
 *
 * @param rows [N T, dIn], stored order.
 * @param geometry How patches were cut.
 * @returns [N h w, C].
 */
export function unpatches(rows: DenseMatrix, geometry: ConvGeometry): DenseMatrix {
  const { channels, height, width } = geometry;
  const examples = rows.rows / locationsOf(geometry);
  const out = denseMatrix(examples * height * width, channels);
  visitWindows(geometry, examples, (location, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      out.data[pixel * channels + c] += rows.data[location * rows.cols + tap * channels + c];
    }
  });
  return out;
}
