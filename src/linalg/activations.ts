/**
 * Elementwise nonlinearities and their derivatives.
 *
 * @module
 */

import { type DenseMatrix, mapMatrix } from "./dense_matrix.ts";

/**
 * The nonlinearities:
 * - `relu`: `max(0, x)`; `tanh`; `sigmoid`: `1 / (1 + exp(-x))`;
 * - `gelu`: `x Phi(x)`, Phi the standard normal distribution function (Hendrycks & Gimpel 2016, arXiv
 *   1606.08415); `geluTanh`: `x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))`, the same paper's approximation;
 * - `silu`: `x sigmoid(x)`; `softplus`: `log(1 + exp x)`.
 */
export type ActivationKind =
  | "relu"
  | "tanh"
  | "sigmoid"
  | "gelu"
  | "geluTanh"
  | "silu"
  | "softplus";

/** `1 / (1 + exp(-x))` without overflow. */
export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/**
 * The standard normal distribution function `Phi(x)`: by the series of erf near 0, which has terms of one sign,
 * by the continued fraction of erfc in the tail (Abramowitz & Stegun 1964, 7.1.6 and 7.1.14). Relative error of
 * a few epsilon.
 *
 * @example The median, and the share within one standard deviation
 * ```ts
 * import assert from "node:assert/strict";
 * import { normalDistribution } from "@tekfac/tekfac/linalg";
 *
 * assert.equal(normalDistribution(0), 0.5);
 * const share = normalDistribution(1) - normalDistribution(-1);
 * assert(Math.abs(share - 0.682689492137086) < 1e-14);
 * ```
 */
export function normalDistribution(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const density = Math.exp(-z * z) / Math.sqrt(Math.PI);
  if (z < 2) {
    let term = 2 * z;
    let sum = 0;
    for (let n = 1; sum + term !== sum; n++) {
      sum += term;
      term *= 2 * z * z / (2 * n + 1);
    }
    const erf = density * sum;
    return x < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
  }
  // erfc z = density / (z + (1/2)/(z + 1/(z + (3/2)/(z + ...)))); 100 levels are plenty from 2 on.
  let fraction = z;
  for (let n = 100; n >= 1; n--) fraction = z + n / 2 / fraction;
  const tail = density / fraction / 2;
  return x < 0 ? tail : 1 - tail;
}

/** Both forms of one nonlinearity. */
interface Nonlinearity {
  readonly value: (x: number) => number;
  /** The derivative: of the output y where that is enough, else of x. */
  readonly slope: (kept: number) => number;
}

const [CUBIC, TWICE_ROOT] = [0.044715, 2 * Math.sqrt(2 / Math.PI)];

const NONLINEARITIES: Readonly<Record<ActivationKind, Nonlinearity>> = {
  relu: { value: (x) => x < 0 ? 0 : x, slope: (y) => y > 0 ? 1 : 0 },
  tanh: { value: Math.tanh, slope: (y) => 1 - y * y },
  sigmoid: { value: sigmoid, slope: (y) => y * (1 - y) },
  gelu: {
    value: (x) => x * normalDistribution(x),
    slope: (x) => normalDistribution(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
  },
  geluTanh: {
    value: (x) => x * sigmoid(TWICE_ROOT * (x + CUBIC * x ** 3)),
    slope(x) {
      const s = sigmoid(TWICE_ROOT * (x + CUBIC * x ** 3));
      return s + x * s * (1 - s) * TWICE_ROOT * (1 + 3 * CUBIC * x * x);
    },
  },
  silu: {
    value: (x) => x * sigmoid(x),
    slope(x) {
      const s = sigmoid(x);
      return s * (1 + x * (1 - s));
    },
  },
  softplus: {
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    slope: sigmoid,
  },
};

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
  const f = NONLINEARITIES[kind].value;
  return mapMatrix(x, (value) => f(value));
}

/**
 * `g f'(x)` elementwise.
 *
 * @param kept The value `y = f(x)` for `relu`, `tanh` and `sigmoid`; x for the others.
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
  kept: DenseMatrix,
  g: DenseMatrix,
): DenseMatrix {
  const { slope } = NONLINEARITIES[kind];
  return mapMatrix(g, (gradient, value) => gradient * slope(value), kept);
}
