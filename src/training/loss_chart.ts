/**
 * Losses of steps as the lines of a chart.
 *
 * @module
 */

import type { Series } from "../pages/page.ts";

/** Most points that a line of a chart is made of: more than a screen has pixels is waste. */
export const MOST_POINTS = 400;

/**
 * The losses themselves, pale, and their moving average, against the steps.
 *
 * @param losses One per step.
 * @param width Steps that the average is over.
 * @param firstStep Steps before the first of them. @default {0}
 */
export function lossSeries(losses: readonly number[], width: number, firstStep = 0): Series[] {
  const every = thinned(losses.length, 4 * MOST_POINTS);
  const smooth = movingAverage(losses, Math.max(1, Math.round(width)));
  const pick = (name: string, values: readonly number[], faint: boolean): Series => ({
    name,
    x: every.map((i) => firstStep + i + 1),
    y: every.map((i) => values[i]),
    faint,
    color: 0,
  });
  return [pick("batch", losses, true), pick("average", smooth, false)];
}

/** At most `most` indices of 0..length-1, evenly spread, both ends included. */
function thinned(length: number, most: number): number[] {
  const count = Math.min(length, most);
  if (count < 2) return count === 1 ? [0] : [];
  return Array.from({ length: count }, (_, i) => Math.round(i * (length - 1) / (count - 1)));
}

/** Mean of each value and the up to `width - 1` before it. */
function movingAverage(values: readonly number[], width: number): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (i >= width ? values[i - width] : 0);
    return sum / Math.min(i + 1, width);
  });
}
