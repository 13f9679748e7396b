/**
 * Numbers as text, for terminals and pages.
 *
 * @module
 */

/**
 * A number of any size; "-" for what does not exist.
 *
 * @param value The number.
 * @param digits Significant digits, >= 1. @default {4}
 *
 * @example The same digits, whatever the size
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatNumber } from "@tekfac/tekfac/pages";
 *
 * assert.equal(formatNumber(0.0123456), "0.01235");
 * assert.equal(formatNumber(1.23456e-7, 2), "1.2e-7");
 * assert.equal(formatNumber(null), "-");
 * ```
 */
export function formatNumber(value: number | null, digits = 4): string {
  if (value === null) return "-";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

/**
 * A share in [0, 1] as per cent with two decimals; "-" for what does not exist.
 *
 * @example The accuracy of 200 images
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatPercent } from "@tekfac/tekfac/pages";
 *
 * assert.equal(formatPercent(193 / 200), "96.50 %");
 * assert.equal(formatPercent(null), "-"); // where targets are no classes
 * ```
 */
export function formatPercent(share: number | null): string {
  return share === null ? "-" : `${(100 * share).toFixed(2)} %`;
}

/**
 * A time in seconds: `"850 ms"`, `"12.3 s"`, `"4 min 05 s"`.
 *
 * @example As long as it took
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatSeconds } from "@tekfac/tekfac/pages";
 *
 * assert.deepEqual([0.85, 12.34, 245].map(formatSeconds), ["850 ms", "12.3 s", "4 min 05 s"]);
 * ```
 */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
