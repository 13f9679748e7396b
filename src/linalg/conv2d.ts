/**
 * Convolution of channels-last images and its two gradients, as products with patches.
 *
 * Letters: N examples, T locations, patches `abar_nt` [dIn], outputs `s_nt = Wbar abar_nt` [dOut],
 * `g_nt` gradient with respect to `s_nt`. Columns of Wbar are in the stored patch order.
 *
 * @module
 */

import type { ConvGeometry } from "../core/geometry.ts";
import type { DenseMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import { patches, unpatches } from "./patches.ts";

/**
 * `s_nt = Wbar abar_nt`.
 *
 * @param images [N h w, C].
 * @param weights Wbar, [dOut, dIn].
 * @returns [N T, dOut].
 *
 * @example A 1 x 2 kernel of ones adds neighbours
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { conv2d, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const window = resolveWindow("Cannot convolve", [1, 3, 1], { kernel: [1, 2] });
 * const ones = denseMatrix(1, 2, [1, 1]);
 * const sums = conv2d(denseMatrix(3, 1, [1, 2, 4]), ones, { ...window, bias: false });
 * assert.deepEqual([...sums.data], [3, 6]);
 * ```
 */
export function conv2d(
  images: DenseMatrix,
  weights: DenseMatrix,
  geometry: ConvGeometry,
): DenseMatrix {
  return gemm(patches(images, geometry), weights, { transposeB: true });
}

/**
 * Gradient of the images: every pixel collects `Wbar^T g_nt` from the patches that hold it.
 *
 * @param g [N T, dOut].
 * @param weights Wbar, [dOut, dIn]; the bias column takes no part.
 * @returns [N h w, C].
 *
 * @example Gradients of one 1 x 1 convolution
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const geometry = { ...resolveWindow("My layer", [1, 2, 1], { kernel: 1 }), bias: false };
 * const images = linalg.denseMatrix(2, 1, [1, 2]), weights = linalg.denseMatrix(1, 1, [3]);
 * assert.deepEqual([...linalg.conv2d(images, weights, geometry).data], [3, 6]);
 * const g = linalg.denseMatrix(2, 1, [1, 1]);
 * assert.deepEqual([...linalg.conv2dDataGradient(g, weights, geometry).data], [3, 3]);
 * assert.deepEqual([...linalg.conv2dWeightGradient(images, g, geometry).data], [3]);
 * ```
 */
export function conv2dDataGradient(
  g: DenseMatrix,
  weights: DenseMatrix,
  geometry: ConvGeometry,
): DenseMatrix {
  return unpatches(gemm(g, weights), geometry);
}

/**
 * Gradient of the weights, `sum_nt g_nt abar_nt^T`.
 *
 * @param images [N h w, C].
 * @param g [N T, dOut].
 * @returns [dOut, dIn], bias column included.
 */
export function conv2dWeightGradient(
  images: DenseMatrix,
  g: DenseMatrix,
  geometry: ConvGeometry,
): DenseMatrix {
  return gemm(g, patches(images, geometry), { transposeA: true });
}
