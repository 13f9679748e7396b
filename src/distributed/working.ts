/**
 * What it takes for ranks to make different layers' directions.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";

/** A direction, or the room for it. */
export interface MadeDirection {
  /** Of the parameter. */
  readonly index: number;
  /** The same shape on all ranks. */
  readonly direction: Matrix;
}

/** Who makes which directions. */
export interface Working {
  /** How many ranks make each direction, in words. */
  readonly plan: string;
  /** Makes a direction, or does what little belongs to the others' as well. */
  make(index: number, by: { own: () => void; others: () => void }): void;
  /** Ends the directions of a step: all ranks have all of them after it. */
  share(made: readonly MadeDirection[]): void;
}
