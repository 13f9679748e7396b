/**
 * The few formulas on single numbers between curvature and a step: damping and clipping.
 *
 * @module
 */

/**
 * Relative damping, `lambda = tau max(factor * source, floor)`: tau times the mean eigenvalue of a
 * layer's approximation (Gao et al. 2020, eq. 3.5, for tau = 1).
 *
 * @param source What the mean eigenvalue is made of: a trace, or a product of traces.
 * @param numbers `factor` is one over the number of eigenvalues.
 */
export function relativeDamping(
  source: number,
  numbers: { readonly tau: number; readonly factor: number; readonly floor: number },
): number {
  return numbers.tau * Math.max(numbers.factor * source, numbers.floor);
}

/**
 * Martens & Grosse's (2015, section 6.3) split of lambda over two factors: with
 * `pi = sqrt((trA / dimA) / (trB / dimB))`, 1 where a trace is not positive,
 * `shiftA = pi sqrt(lambda)` and `shiftB = sqrt(lambda) / pi`.
 *
 * @example Equal factors share the damping equally
 * ```ts
 * import assert from "node:assert/strict";
 * import { splitDamping } from "@tekfac/tekfac/linalg";
 *
 * assert.deepEqual(splitDamping(4, 6, 6, [3, 3]), [2, 2]);
 * ```
 */
export function splitDamping(
  lambda: number,
  traceA: number,
  traceB: number,
  [dimA, dimB]: readonly [dimA: number, dimB: number],
): [shiftA: number, shiftB: number] {
  const positive = traceA > 0 && traceB > 0;
  const pi = positive ? Math.sqrt((traceA / dimA) / (traceB / dimB)) : 1;
  return [pi * Math.sqrt(lambda), Math.sqrt(lambda) / pi];
}

/** `scale * x^power`, 0 where x is not positive. */
export function scalarPower(x: number, power: number, scale = 1): number {
  return x > 0 ? scale * x ** power : 0;
}

/**
 * The KL clip, `min(1, sqrt(kl * loss / (lr^2 innerProduct)))`, 1 where `learningRate` is 0 or the
 * inner product is not positive (Ba, Grosse & Martens 2017).
 *
 * @param innerProduct `sum_l <U_l, G_l>` over all layers.
 * @param numbers `loss` is 1 unless the bound is relative to the loss.
 *
 * @example A step four times too long for its bound
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * assert.equal(linalg.clipFactor(16, { kl: 1, learningRate: 1 }), 0.25);
 * assert.equal(linalg.scalarPower(4, 0.5, 3), 6);
 * assert.equal(linalg.relativeDamping(8, { tau: 0.5, factor: 1, floor: 0 }), 4);
 * ```
 */
export function clipFactor(
  innerProduct: number,
  numbers: { readonly kl: number; readonly learningRate: number; readonly loss?: number },
): number {
  const { kl, learningRate, loss = 1 } = numbers;
  if (learningRate === 0 || !(innerProduct > 0)) return 1;
  return Math.min(1, Math.sqrt(kl * loss / (learningRate ** 2 * innerProduct)));
}
