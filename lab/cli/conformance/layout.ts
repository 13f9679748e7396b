/**
 * From the golden cases' layout of images (NCHW: all rows of one channel after each other) to the
 * library's (channels-last: all channels of one pixel after each other). Columns of weights and
 * patches are translated by `toPublicOrder` and `toStoredOrder` of `nn`.
 *
 * @module
 */

import { type LayerKind, patchOrder } from "@tekfac/tekfac/core";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import type { Tensor } from "./fields.ts";

/**
 * A batch as the library's matrix.
 *
 * @param tensor [N, features], or NCHW images.
 * @returns [N, features], or [N * height * width, channels].
 */
export function batchMatrix(tensor: Tensor): DenseMatrix {
  const [examples, channels, ...plane] = tensor.shape;
  const pixels = plane.reduce((product, length) => product * length, 1);
  const out = denseMatrix(examples * pixels, channels);
  for (let n = 0; n < examples; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < pixels; p++) {
        out.data[(n * pixels + p) * channels + c] = tensor.data[(n * channels + c) * pixels + p];
      }
    }
  }
  return out;
}

/** A factor over inputs, [dIn', dIn'], from the stored order of rows and columns to the public one. */
export function publicFactor(layer: LayerKind, stored: DenseMatrix): DenseMatrix {
  if (layer.kind !== "conv2d") return stored;
  const order = patchOrder(layer.geometry);
  const n = stored.cols;
  const out = denseMatrix(n, n);
  out.data.forEach((_, i) => {
    out.data[i] = stored.data[order[Math.floor(i / n)] * n + order[i % n]];
  });
  return out;
}
