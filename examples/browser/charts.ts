/**
 * Charts whose data grow while one looks at them, drawn by uPlot.
 *
 * @module
 */

/// <reference lib="dom" />

import uPlot from "npm:uplot@1.6.32";

/** One line of a chart. */
export interface Line {
  /** Name in the legend. */
  readonly label: string;
  /** Abscissae, ascending. */
  readonly x: readonly number[];
  /** Ordinates. */
  readonly y: readonly number[];
  /** Place in the palette of the style sheet, 0 to 3. */
  readonly color: number;
  /** Drawn pale and not named: the background of another line. @default {false} */
  readonly raw?: boolean;
}

/** An axis of a chart. */
export interface Axis {
  /** What it shows, with the unit. */
  readonly label: string;
  /** Logarithmic axes leave out what is not positive. @default {false} */
  readonly log?: boolean;
}

/** What a chart shows. */
export interface Picture {
  readonly x: Axis;
  readonly y: Axis;
  /** The lines, the first one lowest. */
  readonly lines: readonly Line[];
}

/** A chart in a place of the page; follows its width and the colour scheme. */
export class Chart {
  readonly #place: HTMLElement;
  #picture: Picture | undefined;
  #plot: uPlot | undefined;
  /** What the present plot was built for; other data fit it, other axes and lines do not. */
  #frame = "";
  #drawing = false;

  /** Takes over an empty element. */
  constructor(place: HTMLElement) {
    this.#place = place;
    new ResizeObserver(() => this.#plot?.setSize(sizeOf(place))).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#frame = "";
      this.#draw();
    });
  }

  /** Shows a picture from the next frame on, in the place of the one before. */
  show(picture: Picture): void {
    this.#picture = picture;
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#picture === undefined) return;
    const { x, y, lines } = this.#picture;
    const data = columns(this.#picture);
    const frame = JSON.stringify([x, y, lines.map(({ label, color }) => [label, color])]);
    if (frame === this.#frame) {
      this.#plot?.setData(data);
      return;
    }
    this.#frame = frame;
    this.#plot?.destroy();
    this.#plot = new uPlot(optionsOf(this.#picture, this.#place), data, this.#place);
  }
}

/** Lines with abscissae of their own, united to a table. */
function columns({ x, y, lines }: Picture): uPlot.AlignedData {
  const tables = lines.map((line): uPlot.AlignedData => {
    // Where an axis is logarithmic, uPlot cannot place what is not positive.
    const drawn = line.x.flatMap((value, i) =>
      x.log && !(value > 0) || y.log && !(line.y[i] > 0) ? [] : [i]
    );
    return [drawn.map((i) => line.x[i]), drawn.map((i) => line.y[i])];
  });
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

function optionsOf({ x, y, lines }: Picture, place: HTMLElement): uPlot.Options {
  const axis = ({ label, log = false }: Axis, size: number): uPlot.Axis => ({
    ...{ label, labelSize: 22, size, stroke: color("--quiet") },
    ...(log ? { splits: (_, __, low, high) => powersOfTen(low, high) } : {}),
    ...{ labelFont: "13px system-ui, sans-serif", font: "12px system-ui, sans-serif" },
    grid: { stroke: color("--rule"), width: 1 },
    ticks: { stroke: color("--rule"), width: 1 },
    values: (_, ticks) => ticks.map(short),
  });
  const scale = ({ log = false }: Axis): uPlot.Scale => ({ time: false, distr: log ? 3 : 1 });
  const series = lines.map(({ label, color: place, raw = false }): uPlot.Series => ({
    label,
    stroke: color(`--line${place}`) + (raw ? "55" : ""),
    width: raw ? 1 : 2,
    spanGaps: true,
    points: { show: false },
    value: (_, value) => short(value),
    ...(raw ? { class: "raw" } : {}),
  }));
  return {
    ...sizeOf(place),
    scales: { x: scale(x), y: scale(y) },
    axes: [axis(x, 40), axis(y, 58)],
    series: [{ label: x.label, value: (_, value) => short(value) }, ...series],
    cursor: { dataIdx: nearest },
  };
}

/** At most seven powers of ten in a range, evenly spread: lines for every digit would be too many. */
function powersOfTen(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-6), last = Math.floor(Math.log10(high) + 1e-6);
  const apart = Math.max(1, Math.ceil((last - first) / 6));
  const count = Math.floor((last - first) / apart) + 1;
  return Array.from({ length: count }, (_, i) => 10 ** (first + i * apart));
}

/** The nearest point of a line to an index of the united table. */
function nearest(plot: uPlot, series: number, index: number): number {
  const values = plot.data[series];
  for (let away = 0; away < values.length; away++) {
    if (values[index - away] != null) return index - away;
    if (values[index + away] != null) return index + away;
  }
  return index;
}

function sizeOf(place: HTMLElement): { width: number; height: number } {
  return { width: place.clientWidth, height: 260 };
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A number in few characters. */
function short(value: number | null | undefined): string {
  if (value == null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  }
  return String(Number(value.toPrecision(3)));
}
