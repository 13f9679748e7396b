/**
 * Elementwise nonlinearities whose derivative is a function of their own value.
 *
 * @module
 */

import { type DenseMatrix, mapMatrix } from "./dense_matrix.ts";

/** The nonlinearities: `max(0, x)`, `tanh x`, `1 / (1 + exp(-x))`. */
export type ActivationKind = "relu" | "tanh" | "sigmoid";

/** `1 / (1 + exp(-x))` without overflow. */
export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/**
 * `f(x)` elementwise.
 *
 * @example The rectifier
 * ```ts
 * import assert from "node:assert/strict";
 * import { activation, denseMatrix } from "@tekfac/tekfac/linalg";
 *
 * assert.deepEqual([...activation("relu", denseMatrix(1, 2, [-1, 2])).data], [0, 2]);
 * ```
 */
export function activation(kind: ActivationKind, x: DenseMatrix): DenseMatrix {
  const f = { relu: (v: number) => v < 0 ? 0 : v, tanh: Math.tanh, sigmoid }[kind];
  return mapMatrix(x, (value) => f(value));
}

/**
 * `g f'(x)` elementwise, from the value `y = f(x)`.
 *
 * @example The slope of the sigmoid at 0 is a quarter
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const y = linalg.activation("sigmoid", linalg.denseMatrix(1, 1, [0]));
 * assert.equal(y.data[0], linalg.sigmoid(0));
 * assert.equal(linalg.activationGradient("sigmoid", y, linalg.denseMatrix(1, 1, [1])).data[0], 0.25);
 * ```
 */
export function activationGradient(
  kind: ActivationKind,
  y: DenseMatrix,
  g: DenseMatrix,
): DenseMatrix {
  const slope = {
    relu: (v: number) => v > 0 ? 1 : 0,
    tanh: (v: number) => 1 - v * v,
    sigmoid: (v: number) => v * (1 - v),
  }[kind];
  return mapMatrix(g, (gradient, value) => gradient * slope(value), y);
}
