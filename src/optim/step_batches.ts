/**
 * The micro-batches of one step.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import { isTrainable } from "../core/parameter.ts";
import type { Objective } from "./objective.ts";
import type { StepRow } from "./step_row.ts";

/** Micro-batches and their sizes. */
export interface MicroBatches<B> {
  /** The batches. */
  readonly batches: readonly B[];
  /** Their numbers of examples. */
  readonly sizes: readonly number[];
  /** Examples of the whole step. */
  readonly examples: number;
}

/** Micro-batches that make one step together: same update as one large batch, less memory. */
export class StepBatches<B> implements MicroBatches<B> {
  readonly batches: readonly B[];
  readonly sizes: readonly number[];
  readonly examples: number;
  readonly #objective: Objective<B>;
  /** What the passes of this step found: what a model keeps besides weights, and how many there had been. */
  #found: { readonly state: readonly Matrix[]; readonly passes: number | undefined } | undefined;

  readonly #again: boolean;

  /**
   * Checks all batches before anything is computed.
   *
   * @param again Whether {@linkcode StepBatches.differentiate} may be asked for more than once.
   * @throws {ShapeError | DataError} When one does not fit, or there are no examples at all.
   */
  constructor(objective: Objective<B>, batches: readonly B[], again = false) {
    this.#objective = objective;
    this.#again = again;
    this.batches = batches;
    this.sizes = batches.map((batch) => objective.examplesOf(batch));
    this.examples = this.sizes.reduce((sum, size) => sum + size, 0);
    if (this.examples === 0) throw new ShapeError("Cannot step", "at least one example", "none");
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
    if (this.batches.length === 1) differentiate(this.batches[0], 0);
    else this.batches.forEach((batch, i) => backend.scope(() => differentiate(batch, i)));
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

  #blend(index: number): { readonly decay: number; readonly scale: number } {
    return { decay: index === 0 ? 0 : 1, scale: 1 / this.examples };
  }
}
