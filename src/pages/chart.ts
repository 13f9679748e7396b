/**
 * What a chart is.
 *
 * @module
 */

/** One line of a chart. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** Abscissae, ascending. */
  readonly x: readonly number[];
  /** Ordinates; `null` interrupts the line. */
  readonly y: readonly (number | null)[];
  /** Lower and upper edge of a shaded band around the line. */
  readonly band?: readonly [low: readonly number[], high: readonly number[]];
  /** Drawn thin and pale, as the background of another line. @default {false} */
  readonly faint?: boolean;
  /** Place in the palette; series of one colour belong together. */
  readonly color: number;
}

/** An axis of a chart. */
export interface Axis {
  /** What it shows, with the unit. */
  readonly label: string;
  /** Logarithmic axes leave out what is not positive. @default {false} */
  readonly log?: boolean;
  /** Whether only whole numbers get a tick. @default {false} */
  readonly whole?: boolean;
  /** Whether the axis begins at 0, as one of time should. @default {false} */
  readonly fromZero?: boolean;
}

/** A chart with its heading. */
export interface Chart {
  /** The heading. */
  readonly title: string;
  /** One sentence on how to read it. */
  readonly note: string;
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** The lines, the first one lowest. */
  readonly series: readonly Series[];
  /**
   * Whether the lines have an order, as layers have: many of them get one ramp of colours in place of a legend that
   * names each. @default {false}
   */
  readonly ordered?: boolean;
}
