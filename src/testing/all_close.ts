/**
 * The one comparison of numbers in all tests: how far out, where, and how much of the allowance was
 * used.
 *
 * @module
 */

/** How far `actual` may be from `expected`: `absolute + relative * |expected|`, entry by entry. */
export interface Allowance {
  /** Absolute part; for sums of n terms of size s about `n * roundoff * s`. @default {0} */
  readonly absolute?: number;
  /** Part of the expected value. @default {0} */
  readonly relative?: number;
  /** Shown in the message: `"conv2d 3x3 stride 2"`. @default {"values"} */
  readonly label?: string;
}

/**
 * Throws when an entry is farther out than allowed; NaN agrees with NaN and each infinity with
 * itself.
 *
 * @param actual What was computed.
 * @param expected What it should be, of the same length.
 * @returns The per cent of the allowance that the worst entry used, 0 to 100.
 * @throws {Error} With the worst index, both values, their ratio, and the share of entries over.
 *
 * @example One part in a thousand
 * ```ts
 * import assert from "node:assert/strict";
 * import { allClose } from "@tekfac/tekfac/testing";
 *
 * const used = allClose([1.0005, 2], [1, 2], { relative: 1e-3 });
 * assert.equal(Math.round(used), 50);
 * assert.throws(() => allClose([1.1], [1], { relative: 1e-3 }), /worst at 0: 1.1 instead of 1/);
 * ```
 */
export function allClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute = 0, relative = 0, label = "values" }: Allowance = {},
): number {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: expected ${expected.length} numbers, received ${actual.length}`);
  }
  let worst = 0;
  let used = 0;
  let over = 0;
  for (let i = 0; i < expected.length; i++) {
    const share = shareUsed(actual[i], expected[i], absolute + relative * Math.abs(expected[i]));
    if (share > 1) over++;
    if (share > used) [used, worst] = [share, i];
  }
  if (over > 0) {
    const [a, e] = [actual[worst], expected[worst]];
    throw new Error(
      `${label}: worst at ${worst}: ${a} instead of ${e} (difference ${
        (a - e).toExponential(3)
      }, ` +
        `ratio ${a / e}, ${(100 * used).toPrecision(4)} % of the allowance); ` +
        `${over} of ${expected.length} over (${(100 * over / expected.length).toFixed(1)} %)`,
    );
  }
  return 100 * used;
}

/** Error over allowance; infinite when there is an error but no allowance. */
function shareUsed(actual: number, expected: number, allowance: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const error = Math.abs(actual - expected);
  if (!Number.isFinite(error)) return Infinity;
  return allowance > 0 ? error / allowance : Infinity;
}
