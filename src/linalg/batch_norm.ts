/**
 * Batch normalisation: every column of a batch brought to mean 0 and variance 1, then scaled and
 * shifted (Ioffe & Szegedy 2015, algorithm 1).
 *
 * With the moments `(mean, variance)` of a column c, `xhat = (x - mean) / sqrt(variance + epsilon)` and
 * `y = scale xhat + shift`. Rows are examples, or their pixels where columns are channels of images.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, mapMatrix } from "./dense_matrix.ts";

/**
 * Mean and variance of every column; zeros of no rows. The variance is the mean square about the mean,
 * with division by n.
 *
 * @param x [n, C].
 * @returns [2, C]: means above variances.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { columnMoments, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const moments = columnMoments(denseMatrix(2, 2, [1, 5, 3, 5]));
 * assert.deepEqual([...moments.data], [2, 5, 1, 0]);
 * ```
 */
export function columnMoments(x: DenseMatrix): DenseMatrix {
  const mean = columnMeans(x);
  const variance = columnMeans(mapColumns(x, (value, c) => (value - mean[c]) ** 2));
  return denseMatrix(2, x.cols, [...mean, ...variance]);
}

/**
 * `y = scale xhat + shift`.
 *
 * @param x [n, C].
 * @param moments [2, C]: means above variances, of x itself or collected earlier.
 * @param weights [2, C]: scales above shifts.
 * @param epsilon Added to variances, >= 0.
 *
 * @example Two examples of one channel
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(2, 1, [1, 3]);
 * const weights = linalg.denseMatrix(2, 1, [10, 5]); // scale, shift
 * const moments = linalg.columnMoments(x);
 * assert.deepEqual([...linalg.batchNorm(x, moments, weights, 0).data], [-5, 15]);
 *
 * // A gradient that is the same for all examples is lost: shifting the batch changes nothing.
 * const g = linalg.denseMatrix(2, 1, [1, 1]);
 * const sums = linalg.batchNormSums(x, g, moments, 0);
 * assert.deepEqual(
 *   [...linalg.batchNormGradient(x, g, moments, weights, sums, 0).data].map(Math.abs),
 *   [0, 0],
 * );
 * ```
 */
export function batchNorm(
  x: DenseMatrix,
  moments: DenseMatrix,
  weights: DenseMatrix,
  epsilon: number,
): DenseMatrix {
  const { cols, data } = weights;
  return mapColumns(normalized(x, moments, epsilon), (xhat, c) => data[c] * xhat + data[cols + c]);
}

/**
 * Gradients of scale and shift: `sum_i g_ic xhat_ic` above `sum_i g_ic`, [2, C].
 *
 * @param x [n, C], what was normalised.
 * @param g [n, C], gradient with respect to y.
 */
export function batchNormSums(
  x: DenseMatrix,
  g: DenseMatrix,
  moments: DenseMatrix,
  epsilon: number,
): DenseMatrix {
  const products = mapMatrix(normalized(x, moments, epsilon), (xhat, value) => xhat * value, g);
  const sums = [...columnMeans(products), ...columnMeans(g)];
  return denseMatrix(2, x.cols, sums.map((mean) => x.rows * mean));
}

/**
 * Gradient with respect to x where the moments are those of x, so that every row takes part in them:
 * `scale / sqrt(variance + epsilon) (g - shiftSum / n - xhat scaleSum / n)`.
 *
 * @param sums [2, C], the result of {@linkcode batchNormSums}.
 */
export function batchNormGradient(
  x: DenseMatrix,
  g: DenseMatrix,
  moments: DenseMatrix,
  weights: DenseMatrix,
  sums: DenseMatrix,
  epsilon: number,
): DenseMatrix {
  const { rows: n, cols } = x;
  const xhat = normalized(x, moments, epsilon);
  const centred = mapMatrix(
    mapColumns(g, (value, c) => value - sums.data[cols + c] / n),
    (value, along) => value - along,
    mapColumns(xhat, (value, c) => value * sums.data[c] / n),
  );
  return mapColumns(
    centred,
    (value, c) => weights.data[c] / Math.sqrt(moments.data[cols + c] + epsilon) * value,
  );
}

function normalized(x: DenseMatrix, moments: DenseMatrix, epsilon: number): DenseMatrix {
  const { cols, data } = moments;
  return mapColumns(x, (value, c) => (value - data[c]) / Math.sqrt(data[cols + c] + epsilon));
}

function columnMeans({ rows, cols, data }: DenseMatrix): Float64Array {
  const sums = new Float64Array(cols);
  data.forEach((value, at) => sums[at % cols] += value);
  return sums.map((sum) => rows === 0 ? 0 : sum / rows);
}

function mapColumns(x: DenseMatrix, f: (value: number, column: number) => number): DenseMatrix {
  return { ...x, data: x.data.map((value, at) => f(value, at % x.cols)) };
}
