/**
 * What becomes of a step whose numbers are not finite. Where reading them means no waiting, the host reads and
 * throws; on a GPU the device sets a flag and cancels the step by itself.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { OptionError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Group } from "../distributed/group.ts";
import { isTrainable, type Parameter } from "../core/parameter.ts";
import type { StepHandle, StepReport } from "./report.ts";
import type { TakenStep } from "./step_report.ts";
import type { StepRow } from "./step_row.ts";
import { Rate } from "./transforms/rate.ts";

/** Captures of one micro-batch, by parameter. */
export type Captures = readonly (Capture | undefined)[];

/** What a step passes, in this order. */
export interface Gate {
  /** Steps whose reports can be outstanding at a time. */
  readonly outstanding: number;
  /** Reads [1, 1]; there where nobody has to wait for it. */
  readonly read?: (number: Matrix) => number;
  /** Loss and gradients have been computed; nothing else has been touched. */
  afterGradients(row: StepRow, parameters: readonly Parameter[], step: number): void;
  /** What of these captures may be observed; `usable`, [1, 1], is 0 where none. */
  captures(captures: Captures, row: StepRow, usable: Matrix | undefined): Captures;
  /** Directions have been computed; no weight has been touched. */
  afterDirections(row: StepRow, step: number): void;
  /** The factor of the directions has been computed. */
  afterLength(row: StepRow): void;
  /** Length of a step along its clipped directions. */
  rate(value: number, row: StepRow): Rate;
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
}

/** A step that can be taken, and taken again where a device was lost meanwhile. */
export interface Attempt {
  /** Enqueues it. */
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

/** The gate of a backend. */
export function gateOf(backend: Backend): Gate {
  return backend.sync ? new ThrowingGate(backend) : new CancellingGate(backend);
}

/**
 * Refuses a group where nobody waits for numbers: ranks of a group have to.
 *
 * @throws {OptionError} On a backend that is not synchronous.
 */
export function checkGroup(subject: string, backend: Backend, group: Group | undefined): void {
  if (backend.sync || group === undefined) return;
  const expectation =
    `must be left out on backend '${backend.name}', whose numbers are not there at once`;
  throw new OptionError(subject, "group", expectation, `a group of ${group.name}`);
}

/** Reads and throws: a step that is not finite changes nothing. */
class ThrowingGate implements Gate {
  readonly outstanding = 1;
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  readonly read = (number: Matrix): number => this.#backend.readSync(number)[0];

  afterGradients(row: StepRow, _: readonly Parameter[], step: number): void {
    row.checkFinite(this.#backend.readSync(row.gradientPart), step);
  }

  captures(captures: Captures, _: StepRow, usable: Matrix | undefined): Captures {
    return usable !== undefined && this.read(usable) === 0 ? [] : captures;
  }

  afterDirections(row: StepRow, step: number): void {
    row.checkFinite(this.#backend.readSync(row.finitePart), step);
  }

  afterLength(): void {}

  rate(value: number): Rate {
    return new Rate(this.#backend, value);
  }

  checkAtOnce(): void {}

  takeNow(attempt: Attempt): StepReport {
    const taken = attempt.take();
    const numbers = this.#backend.readSync(taken.row.all);
    attempt.checkState(taken, numbers);
    return attempt.report(taken, numbers);
  }

  take(attempt: Attempt): StepHandle {
    const report = this.takeNow(attempt);
    return { known: report, report: () => Promise.resolve(report) };
  }
}

/** Sets a flag on the device and multiplies with it: averages decay, parameters stay. */
class CancellingGate implements Gate {
  readonly outstanding = 64;
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  afterGradients(row: StepRow, parameters: readonly Parameter[]): void {
    this.#backend.allFinite(row.flag, row.gradientPart);
    for (const { gradient } of parameters.filter(isTrainable)) {
      this.#backend.zeroUnless(gradient, row.flag);
    }
  }

  captures(captures: Captures, row: StepRow, usable: Matrix | undefined): Captures {
    for (const capture of captures) {
      if (capture === undefined) continue;
      cancel(this.#backend, capture, row.flag);
      if (usable !== undefined) cancel(this.#backend, capture, usable);
    }
    return captures;
  }

  afterDirections(row: StepRow): void {
    this.#backend.allFinite(row.flag, row.finitePart);
  }

  afterLength(row: StepRow): void {
    this.#backend.zeroUnless(row.clip, row.flag);
  }

  rate(value: number, row: StepRow): Rate {
    return new Rate(this.#backend, value, row.flag);
  }

  checkAtOnce(act: string, instead: string): never {
    throw new StateError(
      `Cannot ${act} synchronously on backend '${this.#backend.name}': use ${instead}`,
    );
  }

  takeNow(): never {
    return this.checkAtOnce("step", "step()");
  }

  take(attempt: Attempt): StepHandle {
    const { recovery } = this.#backend;
    const take = () => {
      const devicesLost = recovery?.devicesLost;
      const taken = recovery?.pending === true ? undefined : attempt.take();
      recovery?.stepped();
      return { devicesLost, taken };
    };
    let { devicesLost, taken } = take();
    const report = () =>
      this.#backend.reading(async () => {
        // What a lost device was told to do is done again.
        if (taken === undefined || recovery?.devicesLost !== devicesLost) {
          ({ devicesLost, taken } = take());
        }
        const { step, row } = taken!;
        attempt.checkKept(taken!);
        const numbers = await this.#backend.read(row.all);
        row.checkFinite(numbers, step);
        const report = attempt.report(taken!, numbers);
        attempt.judge(report);
        return report;
      });
    return { report };
  }
}

/** What there is of a capture to be emptied; tokens may stay. */
function matricesOf(capture: Capture): readonly Matrix[] {
  switch (capture.kind) {
    case "elements":
      return [capture.gradients];
    case "embedding":
      return [capture.outputGradients];
    case "dense":
      return [capture.inputs, capture.outputGradients];
    case "conv2d":
      return [capture.images, capture.outputGradients];
  }
}

/** Empties a capture where a flag is 0, so that averages only decay. */
function cancel(backend: Backend, capture: Capture, flag: Matrix): void {
  for (const matrix of matricesOf(capture)) backend.zeroUnless(matrix, flag);
}
