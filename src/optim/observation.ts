/**
 * How a step's batch becomes what the curvature observes: whose gradients, of which examples, and whether
 * they are fit to be averaged.
 *
 * @module
 */

import { type Capture, leadingExamples, type Places } from "../core/capture.ts";
import { div, formula, greater, select, sqrt } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import type { ObservedBatch } from "../curvature/estimator.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { Reduction, Whole } from "../distributed/reduction.ts";
import { leadingPlaces } from "../distributed/shares.ts";
import type { ObservationGuard } from "../curvature/observation_guard.ts";
import type { Captures, Gate } from "./gate.ts";
import type { Objective } from "./objective.ts";
import type { MicroBatches } from "./step_batches.ts";
import type { StepRow } from "./step_row.ts";

/** How many examples of a micro-batch are observed. */
export interface ObservedShare {
  /** Share of the examples, in (0, 1]. */
  readonly share: number;
  /** Least number of examples, where there are so many; >= 1. */
  readonly atLeast: number;
}

/** How the curvature observes steps. */
export interface ObservationOptions {
  /** Which gradients it is made of. */
  readonly fisher: Fisher;
  /** How many examples are observed ... */
  readonly share: ObservedShare;
  /** ... from this step on; all of them before, when averages have nothing to stand on. */
  readonly wholeUntil: number;
  /** See `ObservationGuard`; `undefined` where nothing is observed. */
  readonly limit: number | false | undefined;
}

const WHOLE: ObservedShare = { share: 1, atLeast: 1 };

/** Of optimizers whose preconditioner never asks for captures. */
export const NOT_OBSERVED: ObservationOptions = {
  fisher: { kind: "empirical" },
  share: WHOLE,
  wholeUntil: 0,
  limit: undefined,
};

/** Observes the steps of one optimizer. */
export class Observer<B> {
  readonly #objective: Objective<B>;
  readonly #options: ObservationOptions;
  readonly #guard: ObservationGuard | undefined;
  readonly #gate: Pick<Gate, "captures">;
  readonly #reduction: Reduction;

  /** Holds nothing that would have to be disposed; the guard is the caller's. */
  constructor(
    objective: Objective<B>,
    options: ObservationOptions,
    guard: ObservationGuard | undefined,
    { gate, reduction }: Pick<Context<B>, "gate" | "reduction">,
  ) {
    this.#objective = objective;
    this.#options = options;
    this.#guard = guard;
    this.#gate = gate;
    this.#reduction = reduction;
  }

  /**
   * A step's batches as the curvature sees them. A single micro-batch's activations are still there from the
   * gradient's pass; several are differentiated again, one after the other, to keep memory small.
   *
   * @param row Has the step's mean loss.
   * @param random Draws signs or labels.
   */
  observe(batches: MicroBatches<B>, row: StepRow, random: Random, step: number): StepObservation {
    const { fisher, share, wholeUntil } = this.#options;
    return new BatchObservation(batches, row, random, {
      objective: this.#objective,
      fisher,
      share: step < wholeUntil ? WHOLE : share,
      guard: this.#guard,
      gate: this.#gate,
      reduction: this.#reduction,
    });
  }
}

/** What a step observed. */
export interface StepObservation extends ObservedBatch {
  /** Captures of the last micro-batch that was observed, by parameter; empty where none was. */
  readonly captures: Captures;
  /** What the last micro-batch's captures are a part of. */
  readonly whole: Whole;
}

interface Context<B> {
  readonly objective: Objective<B>;
  readonly fisher: Fisher;
  readonly share: ObservedShare;
  readonly guard: ObservationGuard | undefined;
  readonly gate: Pick<Gate, "captures">;
  readonly reduction: Reduction;
}

class BatchObservation<B> implements StepObservation {
  readonly examples: number;
  readonly gradientExamples: number;
  captures: Captures = [];
  readonly #batches: readonly B[];
  /** Of what is observed, by micro-batch. */
  readonly #places: readonly Places[];
  readonly #row: StepRow;
  readonly #context: Context<B>;
  /** Random state of the step's first micro-batch: statistics and eigenvalues see the same draws. */
  readonly #draws: readonly number[];
  #scale: Matrix | undefined;
  #prepared = false;

  constructor(
    { batches, places, examples }: MicroBatches<B>,
    row: StepRow,
    random: Random,
    context: Context<B>,
  ) {
    const { share: { share, atLeast }, fisher } = context;
    this.#batches = batches;
    this.#row = row;
    this.#context = context;
    this.#draws = isSampled(fisher) ? random.fork().save() : [];
    // Each rank observes one at least.
    const least = Math.max(atLeast, context.reduction.size);
    this.#places = places.map((all) =>
      leadingPlaces(all, Math.min(all.of, Math.max(least, Math.ceil(share * all.of))))
    );
    this.examples = this.#places.reduce((sum, { of }) => sum + of, 0);
    this.gradientExamples = examples;
  }

  get whole(): Whole {
    return this.#wholeOf(this.#places[this.#places.length - 1]);
  }

  get gradientScale(): Matrix | undefined {
    const { kind } = this.#context.fisher;
    const scaled = kind === "gaussNewton" || kind === "perLoss";
    return scaled && !this.#inNats ? this.#inverseRootLoss() : undefined;
  }

  forEachCapture(visit: (captureOf: (parameter: Parameter) => Capture | undefined) => void): void {
    const { objective } = this.#context;
    const { backend, parameters } = objective;
    const captureOf = (parameter: Parameter) => this.captures[parameters.indexOf(parameter)];
    const random = new Random(0);
    // Made out here, where it lives as long as the step.
    if (this.#context.fisher.kind === "perLoss") this.#inverseRootLoss();
    if (isSampled(this.#context.fisher)) random.restore(this.#draws);
    const last = this.#batches.length - 1;
    this.#batches.forEach((batch, index) => {
      const observe = (): void => {
        // A single batch is prepared once: statistics and eigenvalues see the same captures.
        if (last > 0 || !this.#prepared) {
          if (last > 0) objective.differentiate(batch, undefined);
          this.captures = this.#prepare(this.#places[index], random);
          this.#prepared = true;
        }
        if (this.captures.length > 0) visit(captureOf);
      };
      // The last one's captures stay for the curvature along the step.
      if (index < last) backend.scope(observe);
      else observe();
    });
  }

  /** Captures of the batch that was differentiated last; none where they are left out. */
  #prepare(places: Places, random: Random): Captures {
    const examples = places.at.length;
    const { objective, fisher, guard, gate } = this.#context;
    if (isSampled(fisher)) {
      const from = fisher.kind === "gaussNewton" ? "signs" : "targets";
      objective.differentiateSampled(random, { from, examples, places });
    }
    const captures = objective.parameters.map((parameter) => {
      const capture = objective.capture(parameter);
      return capture && this.#scaled(leadingExamples(capture, examples));
    });
    return gate.captures(captures, guard?.judge(captures, this.#wholeOf(places)));
  }

  #wholeOf({ of: examples }: Places): Whole {
    const { reduction } = this.#context;
    return { examples, sum: (...summands) => reduction.sum(...summands) };
  }

  /** Divides by the root of the loss what the data's own targets gave, where that is asked for. */
  #scaled(capture: Capture): Capture {
    if (this.#context.fisher.kind !== "perLoss" || this.#inNats) return capture;
    const { backend } = this.#context.objective;
    const scaled = (gradients: Matrix): Matrix => {
      const out = backend.scratch(gradients.rows, gradients.cols);
      backend.axpby(out, this.#inverseRootLoss(), gradients, 0);
      return out;
    };
    return capture.kind === "elements"
      ? { ...capture, gradients: scaled(capture.gradients) }
      : { ...capture, outputGradients: scaled(capture.outputGradients) };
  }

  /** Gradients of a log density have the unit that their second moment is to have. */
  get #inNats(): boolean {
    return this.#context.objective.loss?.inNats ?? false;
  }

  #inverseRootLoss(): Matrix {
    const { backend } = this.#context.objective;
    if (this.#scale === undefined) {
      this.#scale = backend.scratch(1, 1);
      backend.evaluate(inverseRootLoss, { loss: this.#row.loss }, { scale: this.#scale });
    }
    return this.#scale;
  }
}

/** A loss that is not positive is that of a density, whose unit is the nat: nothing is to be divided. */
const inverseRootLoss = formula({ loss: "number" }, ({ loss }) => ({
  scale: select(greater(loss, 0), div(1, sqrt(loss)), 1),
}));

function isSampled({ kind }: Fisher): boolean {
  return kind === "gaussNewton" || kind === "monteCarlo";
}
