/**
 * Steps on a device that answers later: it refuses them by itself, and the host goes back when it finds out.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { NumericalError, StateError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { matricesOf } from "./capture_matrices.ts";
import type { Attempt, Captures, Gate, StepNorms } from "./gate.ts";
import type { StepHandle } from "./report.ts";
import type { TakenStep } from "./step_report.ts";
import type { StepRow } from "./step_row.ts";
import { isStep, Verdict } from "./verdict.ts";

/** Steps of which nothing is known before the gate asks for itself. */
const UNKNOWN = 32;

/** What steps have in common between two moments at which nothing was refused. */
interface Stretch {
  /** The first that was refused, once that is known: it has never been, nor has any behind it. */
  refused?: { readonly step: number; readonly error: NumericalError };
  /** Whether another state has taken the place of what they have made. */
  replaced?: boolean;
}

/** How to go back to before a step. */
interface Mark {
  readonly step: number;
  readonly goBack: () => void;
}

/** What has been enqueued. */
interface Enqueued {
  readonly stretch: Stretch;
  readonly devicesLost: number | undefined;
  /** `undefined` where there was no device. */
  readonly taken: TakenStep | undefined;
}

/**
 * Where the numbers of a step are not finite, the device puts back all that the step has written, and so it does with
 * every step behind it: they would go on from what the host does not know yet. Whoever asks for the report of one of
 * them finds out: then all that is no matrix goes back, too, and steps can be taken again.
 */
export class DecidingGate implements Gate {
  readonly outstanding = 64;
  readonly #backend: Backend;
  readonly #verdict: Verdict;
  #stretch: Stretch = {};
  /** Of the steps of the stretch that are not known to stand, in order. */
  #marks: Mark[] = [];
  /** Ended by a refusal that nobody has been told of. */
  #untold: Stretch | undefined;
  #asking = false;

  /** Allocates two numbers. The caller disposes it. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.#verdict = new Verdict(backend);
  }

  afterGradients(): void {}

  captures(captures: Captures, usable: Matrix | undefined): Captures {
    if (usable === undefined) return captures;
    // Emptied where they are not usable: averages only decay.
    for (const capture of captures) {
      if (capture === undefined) continue;
      for (const matrix of matricesOf(capture)) this.#backend.zeroUnless(matrix, usable);
    }
    return captures;
  }

  beforeApplying(
    row: StepRow,
    norms: StepNorms,
    now: { readonly step: number; readonly rate: number },
  ): void {
    this.#verdict.judge(row, norms, now);
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
    this.#tell();
    const { recovery } = this.#backend;
    let enqueued = this.#enqueue(attempt);
    const report = () =>
      this.#backend.reading(async () => {
        // What a lost device was told to do is done again.
        if (enqueued.taken === undefined || recovery?.devicesLost !== enqueued.devicesLost) {
          enqueued = this.#enqueue(attempt);
        }
        const { stretch, devicesLost } = enqueued;
        const taken = enqueued.taken!;
        const { step, row } = taken;
        this.#checkStands(stretch, step);
        attempt.checkKept(taken);
        const numbers = await this.#backend.read(row.all);
        if (recovery?.devicesLost !== devicesLost) throw new StateError("The device was lost");
        // Somebody else may have found out meanwhile.
        this.#checkStands(stretch, step);
        this.#learn(stretch, { step, row, numbers });
        this.#checkStands(stretch, step);
        const report = attempt.report(taken, numbers);
        attempt.judge(report);
        return report;
      });
    return { report };
  }

  async stand(): Promise<boolean> {
    const [stretch, last] = [this.#stretch, this.#marks.at(-1)];
    if (last === undefined) return true;
    const [refused, first] = await this.#backend.read(this.#verdict.all);
    // Who has gone back meanwhile, or to where, is of no concern.
    if (stretch !== this.#stretch) return stretch.refused === undefined;
    if (refused === 0) {
      this.#forget(stretch, last.step);
      return true;
    }
    this.#goBack(first);
    this.#untold = stretch;
    return false;
  }

  restart(): void {
    this.#stretch.replaced = true;
    this.#begin();
  }

  [Symbol.dispose](): void {
    this.#verdict[Symbol.dispose]();
  }

  #enqueue(attempt: Attempt): Enqueued {
    const { recovery } = this.#backend;
    const [stretch, devicesLost] = [this.#stretch, recovery?.devicesLost];
    if (recovery?.pending) {
      recovery.stepped();
      return { stretch, devicesLost, taken: undefined };
    }
    const [taken, goBack] = attempt.whole(
      (goBack) => [attempt.take(), goBack] as const,
      this.#verdict.refused,
    );
    this.#marks.push({ step: taken.step, goBack });
    recovery?.stepped();
    if (this.#marks.length >= UNKNOWN) this.#ask();
    return { stretch, devicesLost, taken };
  }

  /** Finds out by itself, where nobody asks for reports. */
  #ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    // What is wrong with the device is said by the next call.
    this.stand().catch(() => {}).finally(() => this.#asking = false);
  }

  /** Throws what was found out when nobody asked. */
  #tell(): void {
    const error = this.#untold?.refused?.error;
    this.#untold = undefined;
    if (error !== undefined) throw error;
  }

  /** Takes note of what a step's numbers say: of it, and of those before it. */
  #learn(
    stretch: Stretch,
    { step, row, numbers }: {
      readonly step: number;
      readonly row: StepRow;
      readonly numbers: ArrayLike<number>;
    },
  ): void {
    const { refused, firstRefused } = row.values(numbers);
    if (!refused) return this.#forget(stretch, step);
    this.#goBack(firstRefused, (first) => {
      return first === step ? refusal(row, numbers, step) : undefined;
    });
  }

  #begin(): void {
    this.#stretch = {};
    this.#marks = [];
    this.#untold = undefined;
    this.#verdict.clear();
  }

  /** Steps up to this one stand. */
  #forget(stretch: Stretch, step: number): void {
    if (stretch === this.#stretch) this.#marks = this.#marks.filter((mark) => mark.step > step);
  }

  /**
   * Goes back to before the first step that was refused; the device has done so already.
   *
   * @param rest Of the number of that step.
   * @param errorOf What is known of it.
   */
  #goBack(
    rest: number,
    errorOf: (step: number) => NumericalError | undefined = () => undefined,
  ): void {
    const { step, goBack } = this.#marks.find(({ step }) => isStep(step, rest))!;
    goBack();
    this.#stretch.refused = { step, error: errorOf(step) ?? refusalOf(step) };
    this.#begin();
  }

  /** Throws where a step has never been. */
  #checkStands(stretch: Stretch, step: number): void {
    const { refused, replaced } = stretch;
    if (replaced) {
      throw new StateError(
        `Cannot report step ${step}: a state has been loaded since; ask before that`,
      );
    }
    if (refused === undefined || step < refused.step) return;
    if (this.#untold === stretch) this.#untold = undefined;
    if (step === refused.step) throw refused.error;
    throw new NumericalError(
      `Step ${step} has never been: step ${refused.step}, which was enqueued before it, is refused, and all is as it ` +
        "was before that one. Take it again, or ask for the report of each step before the next one",
      { quantity: refused.error.quantity, step },
    );
  }
}

/** What is wrong with a step whose numbers are there, where they are not finite. */
function refusal(
  row: StepRow,
  numbers: ArrayLike<number>,
  step: number,
): NumericalError | undefined {
  try {
    row.checkFinite(numbers, step);
  } catch (error) {
    if (error instanceof NumericalError) return error;
    throw error;
  }
  return undefined;
}

/** What is wrong with a step whose numbers are not there, or finite each by itself. */
function refusalOf(step: number): NumericalError {
  return new NumericalError(
    `Cannot take step ${step}: its loss, a gradient or an update is not finite, or too large for the averages; ` +
      "parameters are unchanged. Try a smaller learning rate or a larger damping, and check the scale of the inputs",
    { quantity: "update", step },
  );
}
