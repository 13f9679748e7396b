/**
 * Elementwise updates, and the homogeneous coordinate.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix, mapMatrix } from "./dense_matrix.ts";

/**
 * `alpha x + beta y`; where `alpha` is 0, x is not read, and where `beta` is, y is not.
 *
 * @example Sums, a gate, and the constant 1 for a bias
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(1, 2, [1, 2]), y = linalg.denseMatrix(1, 2, [10, 20]);
 * assert.deepEqual([...linalg.axpby(2, x, 1, y).data], [12, 24]);
 * assert.deepEqual([...linalg.zeroUnless(x, false).data], [0, 0]);
 * assert.deepEqual([...linalg.appendOnes(x).data], [1, 2, 1]);
 * assert.deepEqual([...linalg.squares(y).data], [100, 400]);
 * ```
 */
export function axpby(alpha: number, x: DenseMatrix, beta: number, y: DenseMatrix): DenseMatrix {
  const term = (factor: number, value: number): number => factor === 0 ? 0 : factor * value;
  return mapMatrix(x, (a, b) => term(alpha, a) + term(beta, b), y);
}

/**
 * `w - rate u`, from whose first `columns` columns `decay w` is taken besides (decoupled weight decay: Loshchilov &
 * Hutter 2019, arXiv 1711.05101); where `rate` is 0, u is not read.
 *
 * @example A step of weights that decay, and of a bias that does not
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, takeStep } from "@tekfac/tekfac/linalg";
 *
 * const w = denseMatrix(1, 2, [8, 8]), u = denseMatrix(1, 2, [2, 4]);
 * assert.deepEqual([...takeStep(w, 0.5, u, 0.25, 1).data], [5, 6]);
 * ```
 */
export function takeStep(
  w: DenseMatrix,
  rate: number,
  u: DenseMatrix,
  decay: number,
  columns: number,
): DenseMatrix {
  const kept = mapMatrix(w, (value) => value);
  for (let i = 0; i < w.rows; i++) {
    for (let j = 0; j < columns; j++) kept.data[i * w.cols + j] *= 1 - decay;
  }
  return axpby(-rate, u, 1, kept);
}

/** x itself when `flag` holds, zeros of its shape otherwise, whatever x holds. */
export function zeroUnless(x: DenseMatrix, flag: boolean): DenseMatrix {
  return mapMatrix(x, (value) => flag ? value : 0);
}

/** `x^2`, element by element. */
export function squares(x: DenseMatrix): DenseMatrix {
  return mapMatrix(x, (value) => value * value);
}

/**
 * `[X | 1]`: inputs with the homogeneous coordinate last.
 *
 * @param x [n, d].
 * @returns [n, d + 1].
 */
export function appendOnes(x: DenseMatrix): DenseMatrix {
  const out = denseMatrix(x.rows, x.cols + 1);
  out.data.fill(1);
  for (let i = 0; i < x.rows; i++) {
    out.data.set(x.data.subarray(i * x.cols, (i + 1) * x.cols), i * out.cols);
  }
  return out;
}

/**
 * `out_ij = w_i x_ij`: row i times weight i.
 *
 * @param x [n, d].
 * @param weights [1, n].
 * @returns [n, d].
 *
 * @example A weight for each row
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, scaleRows } from "@tekfac/tekfac/linalg";
 *
 * const x = denseMatrix(2, 2, [1, 2, 3, 4]);
 * assert.deepEqual([...scaleRows(x, denseMatrix(1, 2, [1, 10])).data], [1, 2, 30, 40]);
 * ```
 */
export function scaleRows(x: DenseMatrix, weights: DenseMatrix): DenseMatrix {
  const { rows, cols } = x;
  return { rows, cols, data: x.data.map((value, i) => value * weights.data[Math.floor(i / cols)]) };
}

/** What one Adam update makes of its averages. */
export interface AdamResult {
  /** `m`, average of gradients. */
  readonly m: DenseMatrix;
  /** `v`, average of their squares. */
  readonly v: DenseMatrix;
  /** `mHat / (sqrt vHat + epsilon)`. */
  readonly direction: DenseMatrix;
}

/**
 * One update of Adam's averages (Kingma & Ba 2015, algorithm 1): `m = beta1 m + (1 - beta1) g`,
 * `v = beta2 v + (1 - beta2) g^2`, `mHat = m / (1 - beta1^count)`, `vHat` alike.
 *
 * @param numbers `count` is the number of this update, from 1.
 *
 * @example The first direction is the sign of the gradient
 * ```ts
 * import assert from "node:assert/strict";
 * import { adamDirection, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * const zero = denseMatrix(1, 2);
 * const numbers = { beta1: 0.5, beta2: 0.75, epsilon: 0, count: 1 };
 * const { direction } = adamDirection(zero, zero, denseMatrix(1, 2, [-3, 8]), numbers);
 * assert.deepEqual([...direction.data], [-1, 1]);
 * ```
 */
export function adamDirection(
  m: DenseMatrix,
  v: DenseMatrix,
  g: DenseMatrix,
  numbers: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly count: number;
  },
): AdamResult {
  const { beta1, beta2, epsilon, count } = numbers;
  const first = mapMatrix(m, (average, x) => beta1 * average + (1 - beta1) * x, g);
  const second = mapMatrix(v, (average, x) => beta2 * average + (1 - beta2) * x * x, g);
  const direction = mapMatrix(
    first,
    (a, b) => a / (1 - beta1 ** count) / (Math.sqrt(b / (1 - beta2 ** count)) + epsilon),
    second,
  );
  return { m: first, v: second, direction };
}
