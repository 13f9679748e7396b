/**
 * Work that ranks give out among themselves.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";

/** A job, and the ranks that need what comes of it. */
export interface Task<J> {
  /** What is to be done. */
  readonly job: J;
  /** Ascending; all that have the task. */
  readonly takers: readonly number[];
}

/** How jobs are shared out. */
export interface SharedWork<J> {
  /** What this rank does. */
  readonly own: readonly J[];
  /** What others do for it. */
  readonly others: readonly J[];
  /** Sends what has come of the jobs to those who need it. All ranks call it together. */
  spread(resultsOf: (job: J) => readonly Matrix[]): void;
}
