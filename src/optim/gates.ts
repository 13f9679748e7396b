/**
 * What becomes of a step whose numbers are not finite. Where reading them means no waiting, the host reads and
 * throws; on a GPU the device refuses the step by itself, and the host finds out later.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Matrix } from "../core/matrix.ts";
import { DecidingGate } from "./deciding_gate.ts";
import type { Attempt, Captures, Gate } from "./gate.ts";
import type { StepHandle, StepReport } from "./report.ts";
import type { StepRow } from "./step_row.ts";

/** The gate of a backend. The caller disposes it. */
export function gateOf(backend: Backend): Gate {
  return backend.sync ? new ThrowingGate(backend) : new DecidingGate(backend);
}

/** Reads and throws: a step that is not finite changes nothing. */
class ThrowingGate implements Gate {
  readonly outstanding = 1;
  readonly #backend: Backend;

  /** For a synchronous backend. */
  constructor(backend: Backend) {
    this.#backend = backend;
  }

  readonly read = (number: Matrix): number => this.#backend.readSync(number)[0];

  afterGradients(row: StepRow, step: number): void {
    row.checkFinite(this.#backend.readSync(row.gradientPart), step);
  }

  captures(captures: Captures, usable: Matrix | undefined): Captures {
    return usable !== undefined && this.read(usable) === 0 ? [] : captures;
  }

  beforeApplying(row: StepRow, _: unknown, { step }: { readonly step: number }): void {
    row.checkFinite(this.#backend.readSync(row.finitePart), step);
  }

  checkAtOnce(): void {}

  takeNow(attempt: Attempt): StepReport {
    return attempt.whole(() => {
      const taken = attempt.take();
      const numbers = this.#backend.readSync(taken.row.all);
      attempt.checkState(taken, numbers);
      return attempt.report(taken, numbers);
    });
  }

  take(attempt: Attempt): StepHandle {
    const report = this.takeNow(attempt);
    return { known: report, report: () => Promise.resolve(report) };
  }

  stand(): Promise<boolean> {
    return Promise.resolve(true);
  }

  restart(): void {}

  [Symbol.dispose](): void {}
}
