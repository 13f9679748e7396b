/**
 * The ranks that take a step together: that they are in the same place, and who has which examples.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Places } from "../core/capture.ts";
import { digestOf } from "../core/digest.ts";
import { GroupError, NumericalError, ShapeError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Reduction } from "../distributed/reduction.ts";
import { placesOf } from "../distributed/shares.ts";

/** Steps until all weights are compared again; the numbers of a step are in every one. */
const COMPARED = 100;

/** What is compared. */
interface Stepping {
  /** Where the numbers are. */
  readonly objective: {
    readonly backend: Backend;
    readonly parameters: readonly { readonly value: Matrix }[];
  };
  /** Steps taken. */
  readonly stepCount: number;
}

/** The ranks of one optimizer; of one that is alone it asks nothing. */
export class Ranks {
  /** Their sums. */
  readonly reduction: Reduction;
  readonly #optimizer: Stepping;
  /** Of the last step's numbers. */
  #digest = 0;
  /** Meetings so far. */
  #meetings = 0;

  /** Of an optimizer that is being made. */
  constructor(optimizer: Stepping, reduction: Reduction) {
    this.#optimizer = optimizer;
    this.reduction = reduction;
  }

  /**
   * Begins a step: compares what all ranks must have in common, and finds out who has which examples.
   *
   * @param sizes Checks this rank's batches; numbers of their examples, >= 1.
   * @returns Places of this rank's examples in the joined batches.
   * @throws {GroupError} When ranks are not in the same place, or one refuses its batches.
   * @throws {ShapeError} When ranks have different numbers of batches.
   */
  meet(sizes: () => readonly number[]): readonly Places[] {
    const { reduction } = this;
    if (reduction.size === 1) return sizes().map((size) => placesOf([size], 0));
    const all = reduction.gather(() => [...this.#place(), ...sizes()]);
    all.forEach(([step, digest, weights], rank) => {
      const problem = step !== all[0][0]
        ? `is at step ${step}, rank 0 at step ${all[0][0]}: load the same checkpoint on all ranks`
        : weights !== all[0][2]
        ? "has other weights than rank 0: use equal seeds, or load the same checkpoint on all ranks"
        : digest !== all[0][1]
        ? "has computed other numbers than rank 0: use the same kernels on all ranks"
        : undefined;
      if (problem !== undefined) {
        throw new GroupError(`Cannot step together: rank ${rank} ${problem}`, { rank });
      }
    });
    this.#meetings++;
    const counts = all.map((numbers) => numbers.slice(3));
    const odd = counts.find(({ length }) => length !== counts[0].length);
    if (odd !== undefined) {
      const expected = `as many batches on every rank`;
      throw new ShapeError(
        "Cannot step together",
        expected,
        `${counts[0].length} and ${odd.length}`,
      );
    }
    return counts[0].map((_, batch) =>
      placesOf(counts.map((sizes) => sizes[batch]), reduction.rank)
    );
  }

  /** Notes the numbers of a step, to be compared at the next one. */
  note(numbers: Matrix): void {
    if (this.reduction.size > 1) this.#digest = this.#digestOf([numbers]);
  }

  /**
   * Runs a step. What is thrown for numbers that all ranks have in common, or for what one has refused, all throw;
   * after anything else the others would wait for a rank that does not come, so it leaves them.
   */
  together<T>(step: () => T): T {
    const meetings = this.#meetings;
    try {
      return step();
    } catch (error) {
      const apart = this.#meetings > meetings && !(error instanceof NumericalError);
      if (apart) this.reduction.leave();
      throw error;
    }
  }

  /** Step, digest of its numbers, and of the weights, now and then. */
  #place(): number[] {
    const { stepCount, objective: { parameters } } = this.#optimizer;
    const all = this.#meetings % COMPARED === 0;
    const weights = all ? this.#digestOf(parameters.map(({ value }) => value)) : 0;
    return [stepCount, this.#digest, weights];
  }

  /** 32 bits. */
  #digestOf(matrices: readonly Matrix[]): number {
    const { backend } = this.#optimizer.objective;
    return matrices.reduce((digest, matrix) => {
      const { buffer, byteOffset, byteLength } = backend.readSync(matrix);
      const next = digestOf(new Uint8Array(buffer, byteOffset, byteLength));
      return (Math.imul(digest, 31) ^ parseInt(next.slice(0, 8), 16)) >>> 0;
    }, 0);
  }
}
