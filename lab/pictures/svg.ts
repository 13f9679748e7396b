/**
 * Small pictures as SVG: marks on a white ground, read in a document without any script.
 *
 * @module
 */

import { escapeHtml, formatNumber } from "@tekfac/tekfac/pages";

/** Colours that are told apart by everybody, from dark to light. */
export const inks = ["#0b3c5d", "#c1440e", "#328cc1", "#7a7a7a", "#d9b310"] as const;

/** Attributes of an element; numbers are rounded to a tenth of a pixel. */
export type Attributes = Readonly<Record<string, string | number>>;

/** An element, with text or other elements inside. */
export function element(name: string, attributes: Attributes, inside = ""): string {
  const text = Object.entries(attributes).map(([key, value]) =>
    ` ${key}="${typeof value === "number" ? Math.round(10 * value) / 10 : escapeHtml(value)}"`
  );
  return inside === ""
    ? `<${name}${text.join("")}/>`
    : `<${name}${text.join("")}>${inside}</${name}>`;
}

/** A text at a place. */
export function label(
  x: number,
  y: number,
  text: string,
  attributes: Attributes = {},
): string {
  return element("text", { x, y, ...attributes }, escapeHtml(text));
}

/** A straight line. */
export function line(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  attributes: Attributes = {},
): string {
  return element("line", { x1, y1, x2, y2, stroke: "#444", ...attributes });
}

/** A whole picture with a title that is read aloud. */
export function picture(
  { width, height, title }: { width: number; height: number; title: string },
  elements: readonly string[],
): string {
  const attributes = {
    ...{ xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}` },
    ...{ width, height, role: "img", "font-family": "sans-serif", "font-size": 12 },
  };
  const parts = [
    element("title", {}, escapeHtml(title)),
    element("rect", { width, height, fill: "#fff" }),
    ...elements,
  ];
  return `${element("svg", attributes, `\n${parts.join("\n")}\n`)}\n`;
}

/** A mapping of numbers to pixels. */
export interface Scale {
  /** Pixels of a number; what lies beyond the range is put at its end. */
  at(value: number): number;
  /** Where lines are drawn. */
  readonly ticks: readonly number[];
}

/** A logarithmic scale over positive numbers, with ticks at 1, 2 and 5 times powers of ten, fewer or more. */
export function logScale(
  [from, to]: readonly [number, number],
  [left, right]: readonly [number, number],
): Scale {
  const [low, high] = [Math.log(from), Math.log(to)];
  const [wide, narrow] = [high - low > Math.log(200), high - low < Math.log(4)];
  const steps = wide ? [1] : narrow ? [1, 1.1, 1.25, 1.5, 2, 5, 8, 9] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const step of steps) ticks.push(step * 10 ** power);
  }
  return {
    at(value) {
      const share = (Math.log(value) - low) / (high - low);
      return left + (right - left) * Math.min(1, Math.max(0, share));
    },
    ticks: ticks.filter((tick) => tick >= from * 0.999 && tick <= to * 1.001),
  };
}

/** A tick's number. */
export function tickText(value: number): string {
  return formatNumber(value, 3);
}
