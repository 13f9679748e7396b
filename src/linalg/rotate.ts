/**
 * Into a layer's eigenbasis, and back.
 *
 * @module
 */

import { type DenseMatrix, mapMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";

/** Orthogonal matrices whose columns are a layer's basis vectors. */
export interface DenseBasis {
  /** Of the output factor, [dOut, dOut]. */
  readonly output: DenseMatrix;
  /** Of the input factor, [dIn, dIn]. */
  readonly input: DenseMatrix;
}

/** `Q_out^T X Q_in`, X [dOut, dIn]. */
export function rotateInto(x: DenseMatrix, basis: DenseBasis): DenseMatrix {
  return gemm(gemm(basis.output, x, { transposeA: true }), basis.input);
}

/**
 * `Q_out X Q_in^T`, the inverse of {@linkcode rotateInto} for orthogonal bases.
 *
 * @example There and back
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, rotateBack, rotateInto } from "@tekfac/tekfac/linalg";
 *
 * const swap = denseMatrix(2, 2, [0, 1, 1, 0]);
 * const basis = { output: denseMatrix(1, 1, [1]), input: swap };
 * const x = denseMatrix(1, 2, [1, 2]);
 * assert.deepEqual([...rotateInto(x, basis).data], [2, 1]);
 * assert.deepEqual(rotateBack(rotateInto(x, basis), basis), x);
 * ```
 */
export function rotateBack(x: DenseMatrix, basis: DenseBasis): DenseMatrix {
  return gemm(gemm(basis.output, x), basis.input, { transposeB: true });
}

/**
 * `X / (Theta + lambda)^p`, elementwise (Gao et al. 2020, eq. 3.9, for p = 1).
 *
 * @param x [dOut, dIn].
 * @param eigenvalues Theta, >= 0, same shape.
 * @param damping lambda, > 0.
 * @param exponent p. @default {1}
 *
 * @example A gradient over damped eigenvalues
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const x = linalg.denseMatrix(1, 2, [1, 1]), eigenvalues = linalg.denseMatrix(1, 2, [1, 3]);
 * assert.deepEqual([...linalg.dampedDivide(x, eigenvalues, 1).data], [0.5, 0.25]);
 * ```
 */
export function dampedDivide(
  x: DenseMatrix,
  eigenvalues: DenseMatrix,
  damping: number,
  exponent = 1,
): DenseMatrix {
  return mapMatrix(x, (value, theta) => value / (theta + damping) ** exponent, eigenvalues);
}
