/**
 * Normalisation of every row for itself, then scaled and shifted channel by channel: layer normalisation (Ba,
 * Kiros & Hinton 2016, arXiv 1607.06450) and its form without the mean (Zhang & Sennrich 2019, arXiv 1910.07467).
 *
 * With the mean m of a row (0 for `rms`) and the mean square v of `x - m`,
 * `xhat = (x - m) / sqrt(v + epsilon)` and `y = scale xhat + shift`.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/** Whether the mean of a row is taken off. */
export type RowNormKind = "layer" | "rms";

/**
 * `y = scale xhat + shift`.
 *
 * @param x [n, C].
 * @param weights [2, C], scales above shifts; or [1, C], scales alone.
 * @param epsilon Added to variances, >= 0.
 *
 * @example A row of two channels
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(1, 2, [1, 3]);
 * const weights = linalg.denseMatrix(2, 2, [10, 10, 5, 5]); // scales, shifts
 * assert.deepEqual([...linalg.rowNorm("layer", x, weights, 0).data], [-5, 15]);
 *
 * // A gradient that is the same for all channels is lost: shifting the row changes nothing.
 * const g = linalg.denseMatrix(1, 2, [1, 1]);
 * const dx = linalg.rowNormGradient("layer", x, g, weights, 0);
 * assert.deepEqual([...dx.data].map(Math.abs), [0, 0]);
 * assert.deepEqual([...linalg.rowNormSums("layer", x, g, 1, 0).data], [-1, 1, 1, 1]);
 * ```
 */
export function rowNorm(
  kind: RowNormKind,
  x: DenseMatrix,
  weights: DenseMatrix,
  epsilon: number,
): DenseMatrix {
  const { cols } = x;
  const shift = weights.rows === 2 ? weights.data.subarray(cols) : new Float64Array(cols);
  const { xhat } = normalized(kind, x, epsilon);
  const data = xhat.map((value, i) => weights.data[i % cols] * value + shift[i % cols]);
  return { ...x, data };
}

/**
 * Gradients of scales and shifts of each example's own loss: `sum_t g xhat` above `sum_t g`.
 *
 * @param x [N T, C], what was normalised.
 * @param g [N T, C], gradient with respect to y.
 * @param examples N.
 * @returns [2 N, C], two rows per example.
 */
export function rowNormSums(
  kind: RowNormKind,
  x: DenseMatrix,
  g: DenseMatrix,
  examples: number,
  epsilon: number,
): DenseMatrix {
  const { rows, cols } = x;
  const out = denseMatrix(2 * examples, cols);
  const { xhat } = normalized(kind, x, epsilon);
  g.data.forEach((value, i) => {
    const at = Math.floor(i / cols / (rows / examples)) * 2 * cols + i % cols;
    out.data[at] += value * xhat[i];
    out.data[at + cols] += value;
  });
  return out;
}

/**
 * Gradient with respect to x, with `h = g scale`:
 * `(h - mean(h) - xhat mean(h xhat)) / sqrt(v + epsilon)`, means over the row; `rms` has no `mean(h)`.
 */
export function rowNormGradient(
  kind: RowNormKind,
  x: DenseMatrix,
  g: DenseMatrix,
  weights: DenseMatrix,
  epsilon: number,
): DenseMatrix {
  const { rows, cols } = x;
  const out = denseMatrix(rows, cols);
  const { xhat, inverse } = normalized(kind, x, epsilon);
  for (let i = 0; i < rows; i++) {
    const row = xhat.subarray(i * cols, (i + 1) * cols);
    const h = row.map((_, c) => g.data[i * cols + c] * weights.data[c]);
    const mean = kind === "layer" ? meanOf(h) : 0;
    const along = meanOf(h.map((value, c) => value * row[c]));
    h.forEach((value, c) => {
      out.data[i * cols + c] = inverse[i] * (value - mean - row[c] * along);
    });
  }
  return out;
}

function normalized(
  kind: RowNormKind,
  { rows, cols, data }: DenseMatrix,
  epsilon: number,
): { xhat: Float64Array; inverse: Float64Array } {
  const xhat = new Float64Array(data.length);
  const inverse = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * cols, (i + 1) * cols);
    const mean = kind === "layer" ? meanOf(row) : 0;
    const centred = row.map((value) => value - mean);
    inverse[i] = 1 / Math.sqrt(meanOf(centred.map((value) => value * value)) + epsilon);
    xhat.set(centred.map((value) => value * inverse[i]), i * cols);
  }
  return { xhat, inverse };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
