/**
 * Cutting work into pieces: by sizes and a number of pieces alone, so that equal calls are cut equally.
 *
 * @module
 */

/** Indices `from` up to, not including, `to`. */
export type Range = readonly [from: number, to: number];

/**
 * At most `count` ranges that cover 0 to `length`, as equal as multiples of `unit` allow; none is
 * empty.
 */
export function evenRanges(length: number, count: number, unit: number): Range[] {
  return rangesAt(length, count, unit, (share) => share);
}

/** The same for the columns of an upper triangle of order `length`: ranges of about equal area. */
export function triangleRanges(length: number, count: number, unit: number): Range[] {
  return rangesAt(length, count, unit, Math.sqrt);
}

function rangesAt(
  length: number,
  count: number,
  unit: number,
  boundary: (share: number) => number,
): Range[] {
  const ranges: Range[] = [];
  let from = 0;
  for (let i = 1; i <= count && from < length; i++) {
    const wanted = Math.round(boundary(i / count) * length / unit) * unit;
    const to = i === count ? length : Math.min(length, wanted);
    if (to > from) ranges.push([from, to]);
    from = Math.max(from, to);
  }
  return ranges;
}
