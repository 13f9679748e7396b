/**
 * Convolution of channels-last images and its two gradients, as products with patches.
 *
 * Letters: N examples, T locations, patches `abar_nt` [dIn], outputs `s_nt = Wbar abar_nt` [dOut],
 * `g_nt` gradient with respect to `s_nt`. Columns of Wbar are in the stored patch order. With groups each has its
 * columns of images and outputs and its rows of Wbar to itself.
 *
 * @module
 */

import { type ConvGeometry, groupGeometry } from "../core/geometry.ts";
import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";
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
  const groups = groupsOf(geometry);
  return sideBySide(
    groups.map(({ one, columns, rows }) =>
      gemm(patches(columns(images), one), rows(weights), { transposeB: true })
    ),
  );
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
  return sideBySide(
    groupsOf(geometry).map(({ one, columns, rows }) =>
      unpatches(gemm(columns(g), rows(weights)), one)
    ),
  );
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
  const parts = groupsOf(geometry).map(({ one, columns }) =>
    gemm(columns(g), patches(columns(images), one), { transposeA: true })
  );
  const data = parts.flatMap(({ data }) => [...data]);
  return denseMatrix(g.cols, parts[0].cols, data);
}

/** One group: its own convolution, and what it has of all groups' matrices. */
interface Group {
  readonly one: ConvGeometry;
  readonly columns: (x: DenseMatrix) => DenseMatrix;
  readonly rows: (x: DenseMatrix) => DenseMatrix;
}

function groupsOf(geometry: ConvGeometry): Group[] {
  const { groups = 1 } = geometry;
  const one = groupGeometry(geometry);
  return Array.from({ length: groups }, (_, group) => ({
    one,
    columns(x) {
      const cols = x.cols / groups;
      const out = denseMatrix(x.rows, cols);
      out.data.forEach((_, i) => {
        out.data[i] = x.data[Math.floor(i / cols) * x.cols + group * cols + i % cols];
      });
      return out;
    },
    rows(x) {
      const size = x.data.length / groups;
      const data = x.data.subarray(group * size, (group + 1) * size);
      return { rows: x.rows / groups, cols: x.cols, data };
    },
  }));
}

function sideBySide(parts: readonly DenseMatrix[]): DenseMatrix {
  const [{ rows, cols }] = parts;
  const out = denseMatrix(rows, cols * parts.length);
  parts.forEach(({ data }, part) => {
    data.forEach((value, i) => {
      out.data[Math.floor(i / cols) * out.cols + part * cols + i % cols] = value;
    });
  });
  return out;
}
