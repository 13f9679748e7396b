/**
 * Curvature of depthwise convolutions, whose channels have a patch and an output of their own, and products of
 * many small matrices.
 *
 * Letters: C channels, T locations, d = k^2 (+ 1) numbers of a channel's patch `abar_ntc`, which has the 1 last;
 * matrices of the channels stand one below the other, [C d, d].
 *
 * @module
 */

import { type ConvGeometry, groupGeometry, locationsOf, patchLength } from "../core/geometry.ts";
import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import { patches } from "./patches.ts";

/**
 * `A_c = sum_nt w_ntc abar_ntc abar_ntc^T` for every channel c.
 *
 * @param images [N h w, C].
 * @param geometry Of as many groups as channels.
 * @param weights [N T, C]. @default {all ones}
 * @returns [C d, d].
 *
 * @example Two channels of two pixels
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { denseMatrix, depthwiseSecondMoment } from "@tekfac/tekfac/linalg";
 *
 * const window = resolveWindow("My layer", [1, 2, 2], { kernel: 1 });
 * const images = denseMatrix(2, 2, [1, 2, 3, 4]);
 * const moments = depthwiseSecondMoment(images, { ...window, bias: true, groups: 2 });
 * assert.deepEqual([...moments.data], [10, 4, 4, 2, 20, 6, 6, 2]);
 * ```
 */
export function depthwiseSecondMoment(
  images: DenseMatrix,
  geometry: ConvGeometry,
  weights?: DenseMatrix,
): DenseMatrix {
  return below(eachChannel(images, geometry, (rows, c) => {
    const weighted = denseMatrix(rows.rows, rows.cols, rows.data);
    if (weights !== undefined) {
      weighted.data.forEach((value, i) => {
        weighted.data[i] = value * weights.data[Math.floor(i / rows.cols) * weights.cols + c];
      });
    }
    return gemm(weighted, rows, { transposeA: true });
  }));
}

/**
 * `Theta_ci = sum_n (q_ci . G_nc)^2` with `G_nc = sum_t g_ntc abar_ntc` and q_ci the i-th column of the channel's
 * basis.
 *
 * @param images [N h w, C].
 * @param g Output gradients, [N T, C].
 * @param geometry Of as many groups as channels.
 * @param basis [C d, d]. @default {identities}
 * @returns [C, d].
 *
 * @example One channel whose gradients are 1 and 2
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { denseMatrix, depthwiseSquaredProjection } from "@tekfac/tekfac/linalg";
 *
 * const window = resolveWindow("My layer", [1, 1, 1], { kernel: 1 });
 * const ones = denseMatrix(2, 1, [1, 1]), g = denseMatrix(2, 1, [1, 2]);
 * const theta = depthwiseSquaredProjection(ones, g, { ...window, bias: false, groups: 1 });
 * assert.deepEqual([...theta.data], [1 + 4]);
 * ```
 */
export function depthwiseSquaredProjection(
  images: DenseMatrix,
  g: DenseMatrix,
  geometry: ConvGeometry,
  basis?: DenseMatrix,
): DenseMatrix {
  const [T, d] = [locationsOf(geometry), patchLength(geometry)];
  return below(eachChannel(images, geometry, (rows, c) => {
    const out = denseMatrix(1, d);
    for (let n = 0; n < g.rows / T; n++) {
      const gradient = denseMatrix(1, d);
      for (let t = n * T; t < (n + 1) * T; t++) {
        for (let k = 0; k < d; k++) {
          gradient.data[k] += g.data[t * g.cols + c] * rows.data[t * d + k];
        }
      }
      const along = basis === undefined
        ? gradient
        : gemm(gradient, part(basis, geometry.channels, c));
      along.data.forEach((value, i) => out.data[i] += value * value);
    }
    return out;
  }));
}

/**
 * `C_i = op(A_i) op(B_i)` for matrices one below the other.
 *
 * @param a `parts` matrices.
 * @param b As many.
 * @param parts How many.
 * @param options Which of them are transposed.
 * @returns The products, one below the other.
 *
 * @example Two numbers times two numbers
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, stackedGemm } from "@tekfac/tekfac/linalg";
 *
 * const product = stackedGemm(denseMatrix(2, 1, [2, 3]), denseMatrix(2, 1, [5, 7]), 2);
 * assert.deepEqual([...product.data], [10, 21]);
 * ```
 */
export function stackedGemm(
  a: DenseMatrix,
  b: DenseMatrix,
  parts: number,
  options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): DenseMatrix {
  return below(
    Array.from({ length: parts }, (_, i) => gemm(part(a, parts, i), part(b, parts, i), options)),
  );
}

/** What `body` makes of each channel's patches, [N T, d]. */
function eachChannel(
  images: DenseMatrix,
  geometry: ConvGeometry,
  body: (patches: DenseMatrix, channel: number) => DenseMatrix,
): DenseMatrix[] {
  const one = groupGeometry(geometry);
  return Array.from({ length: geometry.channels }, (_, c) => {
    const data = Float64Array.from(
      { length: images.rows },
      (_, i) => images.data[i * images.cols + c],
    );
    return body(patches(denseMatrix(images.rows, 1, data), one), c);
  });
}

function part(stack: DenseMatrix, parts: number, i: number): DenseMatrix {
  const size = stack.data.length / parts;
  return {
    rows: stack.rows / parts,
    cols: stack.cols,
    data: stack.data.subarray(i * size, (i + 1) * size),
  };
}

function below(parts: readonly DenseMatrix[]): DenseMatrix {
  const [{ rows, cols }] = parts;
  const out = denseMatrix(rows * parts.length, cols);
  parts.forEach(({ data }, i) => out.data.set(data, i * data.length));
  return out;
}
