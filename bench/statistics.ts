/**
 * Order statistics of timings: on a shared machine a mean says how often others ran.
 *
 * @module
 */

/**
 * The value below which a share of the numbers lies, interpolated between neighbours.
 *
 * @param values At least one number, in any order.
 * @param share In [0, 1]; 1/2 is the median.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/** The middle of the numbers, at least one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How far timings scatter: the ratio of the 90th to the 10th percentile, >= 1. */
export function spread(values: readonly number[]): number {
  return quantile(values, 0.9) / quantile(values, 0.1);
}
