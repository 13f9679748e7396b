/**
 * What a step passes on its way.
 *
 * @module
 */

import type { Capture } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";
import type { StepHandle, StepReport } from "./report.ts";
import type { TakenStep } from "./step_report.ts";
import type { StepRow } from "./step_row.ts";
import type { StepNumbers } from "./transforms/step_length.ts";

/** Captures of one micro-batch, by parameter. */
export type Captures = readonly (Capture | undefined)[];

/** Norms of a step's directions and weights, by layer. */
export type StepNorms = Pick<StepNumbers, "directions" | "weights">;

/** What a step passes, in this order. */
export interface Gate extends Disposable {
  /** Steps whose reports can be outstanding at a time. */
  readonly outstanding: number;
  /** Reads [1, 1]; there where nobody has to wait for it. */
  readonly read?: (number: Matrix) => number;
  /** Loss and gradients have been computed; nothing else has been touched. */
  afterGradients(row: StepRow, step: number): void;
  /** What of these captures may be observed; `usable`, [1, 1], is 0 where none. */
  captures(captures: Captures, usable: Matrix | undefined): Captures;
  /** Directions and their factor have been computed; no weight has been touched. */
  beforeApplying(
    row: StepRow,
    norms: StepNorms,
    now: { readonly step: number; readonly rate: number },
  ): void;
  /**
   * Refuses to do at once what would have to wait.
   *
   * @param act What, as in "Cannot step synchronously".
   * @param instead What to call.
   */
  checkAtOnce(act: string, instead: string): void;
  /** Takes a step and reports it at once. */
  takeNow(attempt: Attempt): StepReport;
  /** Takes a step whose report is asked for later, or never. */
  take(attempt: Attempt): StepHandle;
  /**
   * Whether all steps so far have been taken, once the device knows. Where not, everything is what it was before the
   * first of them that was not.
   */
  stand(): Promise<boolean>;
  /** All steps so far count as taken: state has been put in their place. */
  restart(): void;
}

/** A step that can be taken, and taken again where a device was lost meanwhile. */
export interface Attempt {
  /**
   * Runs `body`; where it throws, nothing has been.
   *
   * @param body Is given what puts back all that is no matrix.
   * @param refused [1, 1], not 0 where the device refuses what `body` has enqueued.
   */
  whole<T>(body: (goBack: () => void) => T, refused?: Matrix): T;
  /** Enqueues the step. */
  take(): TakenStep;
  /** Throws where it has made state that is not finite. */
  checkState(taken: TakenStep, numbers: ArrayLike<number>): void;
  /** What its numbers, once read, say. */
  report(taken: TakenStep, numbers: ArrayLike<number>): StepReport;
  /** Throws where the numbers of a step have been overwritten. */
  checkKept(taken: TakenStep): void;
  /** Throws where refreshes of a layer keep failing. */
  judge(report: StepReport): void;
}
