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
 */
export function formatNumber(value: number | null, digits = 4): string {
  if (value === null) return "-";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

/** A share in [0, 1] as per cent with two decimals; "-" for what does not exist. */
export function formatPercent(share: number | null): string {
  return share === null ? "-" : `${(100 * share).toFixed(2)} %`;
}

/** A time in seconds: `"850 ms"`, `"12.3 s"`, `"4 min 05 s"`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
