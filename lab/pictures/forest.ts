/**
 * Ratios and their intervals, one line each, beside a line at 1.
 *
 * @module
 */

import { element, inks, label, line, logScale, picture, tickText } from "./svg.ts";

/** A ratio with its interval. */
export interface ForestRow {
  /** What it is of. */
  readonly name: string;
  /** The ratio, > 0; `undefined` where there is none, with a word about why. */
  readonly ratio: number | undefined;
  /** Lower end, where it is known; both equal the ratio where it is exact. */
  readonly low?: number | null;
  /** Upper end. */
  readonly high?: number | null;
  /** Whether the interval says enough to be given a colour. @default {true} */
  readonly decided?: boolean;
  /** Stands to the right instead of numbers where there is no ratio. */
  readonly remark?: string;
}

const [LEFT, MIDDLE, RIGHT, LINE] = [290, 400, 170, 20];

/** Colour by what the interval says: below 1, above 1, or neither. */
function inkOf({ low, high, decided = true }: ForestRow): string {
  if (!decided || typeof low !== "number" || typeof high !== "number") return inks[3];
  return high < 1 ? inks[0] : low > 1 ? inks[1] : inks[3];
}

/**
 * The picture. Intervals below 1 are dark blue, those above 1 orange, those with 1 inside gray.
 *
 * @param title Above it.
 * @param better What is to the left of 1: `"TEKFAC lower"`; and to the right.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { forest } from "./forest.ts";
 *
 * const rows = [{ name: "digits", ratio: 0.8, low: 0.7, high: 0.9 }];
 * const svg = forest("Test error of TEKFAC over that of EKFAC", ["TEKFAC lower", "higher"], rows);
 * assert(svg.startsWith("<svg") && svg.includes("digits") && svg.includes("0.8"));
 * ```
 */
export function forest(
  title: string,
  [better, worse]: readonly [string, string],
  rows: readonly ForestRow[],
): string {
  const ends = rows.flatMap(({ ratio, low, high }) =>
    [ratio, low, high].filter((value): value is number => typeof value === "number" && value > 0)
  );
  const widest = Math.max(1.25, ...ends.map((value) => Math.exp(Math.abs(Math.log(value)))));
  const most = Math.min(50, widest * 1.05);
  const x = logScale([1 / most, most], [LEFT, LEFT + MIDDLE]);
  const bottom = 52 + LINE * rows.length;
  const marks = rows.flatMap((row, i) => {
    const y = 52 + LINE * i + LINE / 2;
    const { name, ratio, low, high, remark } = row;
    const name_ = label(LEFT - 12, y + 4, name, { "text-anchor": "end" });
    if (ratio === undefined) {
      return [name_, label(LEFT + MIDDLE + 12, y + 4, remark ?? "-", { fill: inks[3] })];
    }
    const ink = inkOf(row);
    const known = typeof low === "number" && typeof high === "number";
    const bar = known
      ? [line([x.at(low), y], [x.at(high), y], { stroke: ink, "stroke-width": 2.5 })]
      : [];
    const interval = known && low < high ? ` (${tickText(low)} to ${tickText(high)})` : "";
    return [
      name_,
      ...bar,
      element("circle", { cx: x.at(ratio), cy: y, r: 4, fill: ink }),
      label(LEFT + MIDDLE + 12, y + 4, `${tickText(ratio)}${interval}`, { "font-size": 11 }),
    ];
  });
  const grid = x.ticks.map((tick) =>
    line([x.at(tick), 48], [x.at(tick), bottom], { stroke: tick === 1 ? "#444" : "#ddd" })
  );
  const numbers = x.ticks.map((tick) =>
    label(x.at(tick), bottom + 15, tickText(tick), { "text-anchor": "middle", "font-size": 11 })
  );
  return picture({ width: LEFT + MIDDLE + RIGHT, height: bottom + 24, title }, [
    label(LEFT, 18, title, { "font-weight": "bold" }),
    label(x.at(1) - 8, 40, `← ${better}`, { "text-anchor": "end", fill: inks[0] }),
    label(x.at(1) + 8, 40, `${worse} →`, { fill: inks[1] }),
    ...grid,
    ...marks,
    ...numbers,
  ]);
}
