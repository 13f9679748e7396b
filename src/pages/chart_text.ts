/**
 * Charts in words, for readers who do not see them.
 *
 * @module
 */

import type { Chart, Series } from "./chart.ts";
import { formatNumber } from "./text.ts";

/** Series that are told one by one; of more, the first and the last. */
const MOST_TOLD = 8;

/** What a chart shows: where each line begins and ends, and between which values it lies. */
export function chartText({ title, note, x, y, series }: Chart): string {
  const lines = series.filter(({ faint }) => faint !== true);
  const told = lines.length <= MOST_TOLD ? lines : [lines[0], lines[lines.length - 1]];
  const count = lines.length <= MOST_TOLD
    ? ""
    : `${lines.length} lines, from ${lines[0].name} to ${lines[lines.length - 1].name}. `;
  const sentences = told.map((line) => seriesText(line, x.label));
  return `${title}: ${y.label} against ${x.label}. ${note} ${count}${sentences.join(" ")}`;
}

function seriesText({ name, x, y }: Series, label: string): string {
  const points = x.flatMap((at, i) => y[i] === null ? [] : [{ at, value: y[i] as number }]);
  const [first, last] = [points[0], points[points.length - 1]];
  if (first === undefined) return `${name}: no values.`;
  const values = points.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) =>
    formatNumber(value)
  );
  const place = ({ at, value }: typeof first) =>
    `${formatNumber(value)} at ${label} ${formatNumber(at)}`;
  return `${name}: from ${place(first)} to ${place(last)}, between ${least} and ${most}.`;
}
