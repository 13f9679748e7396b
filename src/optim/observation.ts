/**
 * How a step's batch becomes what the curvature observes: whose gradients, of which examples, and whether
 * they are fit to be averaged.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Capture, leadingExamples } from "../core/capture.ts";
import { div, formula, greater, select, sqrt } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Parameter } from "../core/parameter.ts";
import { Random } from "../core/random.ts";
import type { ObservedBatch } from "../curvature/estimator.ts";
import type { Fisher } from "../curvature/fisher.ts";
import type { ObservationGuard } from "../curvature/observation_guard.ts";
import type { Objective } from "./objective.ts";
import type { StepRow } from "./step_row.ts";

/** How many examples of a micro-batch are observed. */
export interface ObservedShare {
  /** Share of the examples, in (0, 1]. */
  readonly share: number;
  /** Least number of examples, where there are so many; >= 1. */
  readonly atLeast: number;
}

const WHOLE: ObservedShare = { share: 1, atLeast: 1 };

/** Observes the steps of one optimizer. */
export class Observer<B> {
  readonly #objective: Objective<B>;
  readonly #fisher: Fisher;
  readonly #share: ObservedShare;
  readonly #guard: ObservationGuard | undefined;

  /** Holds nothing that would have to be disposed; the guard is the caller's. */
  constructor(
    objective: Objective<B>,
    fisher: Fisher,
    share: ObservedShare,
    guard: ObservationGuard | undefined,
  ) {
    this.#objective = objective;
    this.#fisher = fisher;
    this.#share = share;
    this.#guard = guard;
  }

  /**
   * A step's batches as the curvature sees them. A single micro-batch's activations are still there from the
   * gradient's pass; several are differentiated again, one after the other, to keep memory small.
   *
   * @param batches The step's micro-batches.
   * @param sizes Their numbers of examples.
   * @param row Has the step's mean loss.
   * @param whole Whether all examples are observed, whatever the share.
   * @param random Draws signs or labels.
   */
  observe(
    batches: readonly B[],
    sizes: readonly number[],
    row: StepRow,
    random: Random,
    whole: boolean,
  ): StepObservation {
    return new BatchObservation(batches, sizes, row, random, {
      objective: this.#objective,
      fisher: this.#fisher,
      share: whole ? WHOLE : this.#share,
      guard: this.#guard,
    });
  }
}

/** What a step observed. */
export interface StepObservation extends ObservedBatch {
  /** Captures of the last micro-batch that was observed, by parameter; empty where none was. */
  readonly captures: readonly (Capture | undefined)[];
}

interface Context<B> {
  readonly objective: Objective<B>;
  readonly fisher: Fisher;
  readonly share: ObservedShare;
  readonly guard: ObservationGuard | undefined;
}

class BatchObservation<B> implements StepObservation {
  readonly examples: number;
  readonly gradientExamples: number;
  captures: readonly (Capture | undefined)[] = [];
  readonly #batches: readonly B[];
  readonly #sizes: readonly number[];
  readonly #row: StepRow;
  readonly #context: Context<B>;
  /** Random state of the step's first micro-batch: statistics and eigenvalues see the same draws. */
  readonly #draws: readonly number[];
  #scale: Matrix | undefined;
  #prepared = false;

  constructor(
    batches: readonly B[],
    sizes: readonly number[],
    row: StepRow,
    random: Random,
    context: Context<B>,
  ) {
    const { share: { share, atLeast }, fisher } = context;
    this.#batches = batches;
    this.#row = row;
    this.#context = context;
    this.#draws = isSampled(fisher) ? random.fork().save() : [];
    this.#sizes = sizes.map((all) => Math.min(all, Math.max(atLeast, Math.ceil(share * all))));
    this.examples = this.#sizes.reduce((sum, size) => sum + size, 0);
    this.gradientExamples = sizes.reduce((sum, size) => sum + size, 0);
  }

  get gradientScale(): Matrix | undefined {
    const { kind } = this.#context.fisher;
    return kind === "gaussNewton" || kind === "perLoss" ? this.#inverseRootLoss() : undefined;
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
          this.captures = this.#prepare(this.#sizes[index], random);
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
  #prepare(examples: number, random: Random): readonly (Capture | undefined)[] {
    const { objective, fisher, guard } = this.#context;
    const { backend, parameters } = objective;
    if (isSampled(fisher)) {
      const from = fisher.kind === "gaussNewton" ? "signs" : "targets";
      objective.differentiateSampled(random, { from, examples });
    }
    const captures = parameters.map((parameter) => {
      const capture = objective.capture(parameter);
      return capture && this.#scaled(leadingExamples(capture, examples));
    });
    const usable = guard?.judge(captures);
    if (backend.sync) {
      return usable !== undefined && backend.readSync(usable)[0] === 0 ? [] : captures;
    }
    for (const capture of captures) {
      if (capture === undefined) continue;
      cancel(backend, capture, this.#row.flag);
      if (usable !== undefined) cancel(backend, capture, usable);
    }
    return captures;
  }

  /** Divides by the root of the loss what the data's own targets gave, where that is asked for. */
  #scaled(capture: Capture): Capture {
    if (this.#context.fisher.kind !== "perLoss") return capture;
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
