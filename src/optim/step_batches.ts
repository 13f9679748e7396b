/**
 * The micro-batches of one step.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import type { Places } from "../core/capture.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable, type Parameter } from "../core/parameter.ts";
import type { Reduction, Stepping } from "../distributed/reduction.ts";
import type { GradientBlend, Objective } from "./objective.ts";
import type { StepRow } from "./step_row.ts";

/** Micro-batches of a rank, and the places of their examples in those of all ranks. */
export interface MicroBatches<B> {
  /** The batches. */
  readonly batches: readonly B[];
  /** By batch. */
  readonly places: readonly Places[];
  /** Examples of the whole step, on all ranks. */
  readonly examples: number;
}

/** Micro-batches that make one step together: same update as one large batch, less memory. */
export class StepBatches<B> implements MicroBatches<B> {
  readonly batches: readonly B[];
  readonly places: readonly Places[];
  readonly examples: number;
  readonly #objective: Objective<B>;
  /** What the passes of this step found: what a model keeps besides weights, and how many there had been. */
  #found: { readonly state: readonly Matrix[]; readonly passes: number | undefined } | undefined;

  readonly #again: boolean;
  readonly #reduction: Reduction;

  /**
   * Checks all batches before anything is computed.
   *
   * @param optimizer Takes the step.
   * @param reduction With these ranks.
   * @param again Whether {@linkcode StepBatches.differentiate} may be asked for more than once.
   * @throws {ShapeError | DataError} When one does not fit, or there are no examples at all.
   * @throws {GroupError} When one does not fit on another rank.
   */
  constructor(
    objective: Objective<B>,
    batches: readonly B[],
    optimizer: Stepping,
    reduction: Reduction,
    again = false,
  ) {
    this.#objective = objective;
    this.#reduction = reduction;
    this.#again = again;
    this.batches = batches;
    this.places = reduction.meet(optimizer, () => {
      const sizes = batches.map((batch) => objective.examplesOf(batch));
      if (sizes.some((size) => size > 0)) return sizes;
      throw new ShapeError("Cannot step", "at least one example", "none");
    });
    this.examples = this.places.reduce((sum, { of }) => sum + of, 0);
  }

  /**
   * Leaves the mean loss, its gradient and the gradients' norms, and captures of the last batch. Once more, where a
   * step was taken back, it takes the place of the first time: with the same draws, and running moments have followed
   * the batches once.
   */
  differentiate(row: Pick<StepRow, "loss" | "squaredNorm">): void {
    const { backend, parameters } = this.#objective;
    this.#begin();
    const differentiate = (batch: B, index: number): void => {
      const blend = this.#blend(index);
      backend.sum(row.loss, this.#objective.differentiate(batch, blend), blend);
    };
    const last = this.batches.length - 1;
    this.batches.slice(0, last).forEach((batch, i) => backend.scope(() => differentiate(batch, i)));
    const body = () => differentiate(this.batches[last], last);
    const begun = this.#whileBegun(last === 0 ? body : () => backend.scope(body));
    this.#sum(row.loss, begun);
    parameters.forEach((parameter, index) => {
      const { gradient } = parameter;
      const place = row.squaredNorm(index);
      if (isTrainable(parameter)) backend.dot(place, gradient, gradient);
      else backend.write(place, [0]);
    });
  }

  /** The mean loss at the weights as they are, into [1, 1]; by a forward pass where that can be had. */
  meanLoss(out: Matrix): void {
    const { backend } = this.#objective;
    this.batches.forEach((batch, index) => {
      backend.scope(() => backend.sum(out, this.#lossesOf(batch), this.#blend(index)));
    });
    this.#reduction.sum({ matrix: out });
  }

  /** Begins the sums of gradients as soon as a pass has completed them; whose. */
  #whileBegun(pass: () => void): ReadonlySet<Parameter> {
    const begun = new Set<Parameter>();
    const objective = this.#objective;
    const reduction = this.#reduction;
    if (reduction.size === 1 || objective.announcing === undefined) pass();
    else {
      objective.announcing((parameters) => {
        const complete = parameters.filter(isTrainable);
        for (const parameter of complete) begun.add(parameter);
        reduction.begin(...complete.map(({ gradient }) => ({ matrix: gradient })));
      }, pass);
    }
    return begun;
  }

  /** Loss and gradients of all ranks, but for those that are begun; what the model remembers of batches is averaged. */
  #sum(loss: Matrix, begun: ReadonlySet<Parameter>): void {
    const reduction = this.#reduction;
    if (reduction.size === 1) return;
    const { backend, parameters, state = {} } = this.#objective;
    const own = this.places.reduce((sum, { at }) => sum + at.length, 0);
    const remembered = Object.values(state);
    for (const matrix of remembered) backend.axpby(matrix, own / this.examples, matrix, 0);
    const gradients = parameters
      .filter((parameter) => isTrainable(parameter) && !begun.has(parameter))
      .map(({ gradient }) => gradient);
    reduction.sum(...[loss, ...gradients, ...remembered].map((matrix) => ({ matrix })));
  }

  /** Notes what the first passes find, and puts it back before others. */
  #begin(): void {
    const objective = this.#objective;
    const { backend } = objective;
    if (!this.#again) return;
    const state = Object.values(objective.state ?? {});
    if (this.#found === undefined) {
      const copies = state.map((matrix) => {
        const copy = backend.scratch(matrix.rows, matrix.cols);
        backend.axpby(copy, 1, matrix, 0);
        return copy;
      });
      this.#found = { state: copies, passes: objective.passes };
      return;
    }
    const { state: copies, passes } = this.#found;
    state.forEach((matrix, i) => backend.axpby(matrix, 1, copies[i], 0));
    if (passes !== undefined) objective.passes = passes;
  }

  #lossesOf(batch: B): Matrix {
    const objective = this.#objective;
    return objective.losses ? objective.losses(batch) : objective.differentiate(batch, undefined);
  }

  #blend(index: number): GradientBlend {
    const blend = { decay: index === 0 ? 0 : 1, scale: 1 / this.examples };
    return this.#reduction.size === 1 ? blend : { ...blend, places: this.places[index] };
  }
}
