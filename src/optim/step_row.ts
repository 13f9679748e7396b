/**
 * The numbers of a step, kept where they are computed until somebody asks for them.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { NumericalError, StateError } from "../core/errors.ts";
import { columnsOf, type Matrix, type OwnedMatrix, rowsOf } from "../core/matrix.ts";
import type { Renewal } from "../curvature/renewal.ts";

/**
 * Numbers of the whole model: loss, inner product, whether it is refused, clip factor, its limit, chi, factor of
 * gradients, three of a trial step, the first step that was refused, s of settling.
 */
const OVERALL = 12;

/** Numbers per parameter besides its gradient: lambda, six of the refresh, effective share. */
const PER_LAYER = 8;

/**
 * One step's numbers, a row of the log: loss, squared gradient norms (one per parameter), inner product;
 * whether it is refused, clip factor, what limited it, chi; loss, prediction and damping factor of a trial step; the
 * first step that was refused; s of settling; then lambda, refresh status and effective share of each parameter. The
 * first part is what has to be finite.
 */
export class StepRow {
  readonly #row: Matrix;
  readonly #parameters: readonly string[];

  /** A view of one row of a {@linkcode StepLog}. */
  constructor(row: Matrix, parameters: readonly string[]) {
    this.#row = row;
    this.#parameters = parameters;
  }

  /** All numbers, [1, width]. */
  get all(): Matrix {
    return this.#row;
  }

  /** Mean loss, [1, 1]. */
  get loss(): Matrix {
    return this.#cell(0);
  }

  /** Squared norm of a parameter's gradient, [1, 1]. */
  squaredNorm(index: number): Matrix {
    return this.#cell(1 + index);
  }

  /** Loss and squared norms, [1, 1 + parameters]. */
  get gradientPart(): Matrix {
    return columnsOf(this.#row, 0, 1 + this.#parameters.length);
  }

  /** Sum of products of directions and what they came from, [1, 1]. */
  get innerProduct(): Matrix {
    return this.#cell(1 + this.#parameters.length);
  }

  /** Loss, squared norms and inner product: everything that has to be finite. */
  get finitePart(): Matrix {
    return columnsOf(this.#row, 0, 2 + this.#parameters.length);
  }

  /** 1 where the device has refused the step, or one before it, [1, 1]. */
  get refused(): Matrix {
    return this.#cell(2 + this.#parameters.length);
  }

  /** The first step that it has refused, [1, 1]; see `Verdict`. */
  get firstRefused(): Matrix {
    return this.#cell(10 + this.#parameters.length);
  }

  /** nu of the KL clip, [1, 1]. */
  get clip(): Matrix {
    return this.#cell(3 + this.#parameters.length);
  }

  /** What limited the step, a place in `limits`, [1, 1]. */
  get limit(): Matrix {
    return this.#cell(7 + this.#parameters.length);
  }

  /** Curvature along the step over the sum of its layers' own, [1, 1]. */
  get curvature(): Matrix {
    return this.#cell(8 + this.#parameters.length);
  }

  /** Factor of the gradients, [1, 1]. */
  get gradientFactor(): Matrix {
    return this.#cell(9 + this.#parameters.length);
  }

  /** s of {@linkcode Settling}, [1, 1]. */
  get settling(): Matrix {
    return this.#cell(11 + this.#parameters.length);
  }

  /** Squared norms of all gradients, [1, parameters]. */
  get squaredNorms(): Matrix {
    return columnsOf(this.#row, 1, 1 + this.#parameters.length);
  }

  /** Mean loss after a trial step, [1, 1]. */
  get trialLoss(): Matrix {
    return this.#cell(4 + this.#parameters.length);
  }

  /** Change of the loss that was predicted for a trial step, [1, 1]. */
  get predicted(): Matrix {
    return this.#cell(5 + this.#parameters.length);
  }

  /** Factor of the damping after a trial step, [1, 1]. */
  get dampingFactor(): Matrix {
    return this.#cell(6 + this.#parameters.length);
  }

  /** Lambda of a parameter, [1, 1]. */
  lambda(index: number): Matrix {
    return this.#cell(OVERALL + this.#parameters.length + PER_LAYER * index);
  }

  /** `length` numbers of a parameter's refresh, [1, length]. */
  status(index: number, length: number): Matrix {
    const from = OVERALL + 1 + this.#parameters.length + PER_LAYER * index;
    return columnsOf(this.#row, from, from + length);
  }

  /** Share of the examples that count in a parameter's input factor, [1, 1]. */
  effectiveShare(index: number): Matrix {
    return this.#cell(OVERALL + 7 + this.#parameters.length + PER_LAYER * index);
  }

  /** The numbers of a row that has been read. */
  values(numbers: ArrayLike<number>): RowValues {
    const count = this.#parameters.length;
    const layer = (index: number): number => OVERALL + count + PER_LAYER * index;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += numbers[1 + i];
    return {
      loss: numbers[0],
      gradientNorm: Math.sqrt(squares),
      innerProduct: numbers[1 + count],
      refused: numbers[2 + count] !== 0,
      firstRefused: numbers[10 + count],
      clipFactor: numbers[3 + count],
      limit: numbers[7 + count],
      curvature: numbers[8 + count],
      gradientFactor: numbers[9 + count],
      settling: numbers[11 + count],
      trialLoss: numbers[4 + count],
      predicted: numbers[5 + count],
      dampingFactor: numbers[6 + count],
      lambda: (index) => numbers[layer(index)],
      status: (index) => Array.from({ length: 6 }, (_, i) => numbers[layer(index) + 1 + i]),
      effectiveShare: (index) => numbers[layer(index) + 7],
    };
  }

  /**
   * Throws when one of the numbers that have to be finite is not.
   *
   * @param numbers The beginning of a row that has been read.
   * @throws {NumericalError} Names the first such quantity.
   */
  checkFinite(numbers: ArrayLike<number>, step: number): void {
    const count = this.#parameters.length;
    for (let i = 0; i < Math.min(numbers.length, 2 + count); i++) {
      if (Number.isFinite(numbers[i])) continue;
      const quantity = i === 0 ? "loss" : i <= count ? "gradient" : "update";
      const layer = quantity === "gradient" ? this.#parameters[i - 1] : undefined;
      const where = layer === undefined ? "" : ` of layer '${layer}'`;
      throw new NumericalError(
        `Cannot take step ${step}: the ${quantity}${where} is not finite (${
          numbers[i]
        }); parameters ` +
          "are unchanged. Try a smaller learning rate or a larger damping, and check the scale of " +
          "the inputs",
        { quantity, step, ...(layer === undefined ? {} : { layer }) },
      );
    }
  }

  #cell(index: number): Matrix {
    return columnsOf(this.#row, index, index + 1);
  }
}

/** What a {@linkcode StepRow} says. */
export interface RowValues {
  /** Mean loss. */
  readonly loss: number;
  /** Norm of the whole gradient. */
  readonly gradientNorm: number;
  /** See `StepReport`. */
  readonly innerProduct: number;
  /** Whether the device has refused the step, or one before it; meaningless where the host judges. */
  readonly refused: boolean;
  /** The first such step; see `Verdict`. */
  readonly firstRefused: number;
  /** See `StepReport`. */
  readonly clipFactor: number;
  /** A place in `limits`. */
  readonly limit: number;
  /** See `StepReport`; meaningless without a gradient clip. */
  readonly gradientFactor: number;
  /** See `StepReport`; meaningless where steps do not settle. */
  readonly settling: number;
  /** See `StepReport`. */
  readonly curvature: number;
  /** Mean loss after a trial step; meaningless in a step without one. */
  readonly trialLoss: number;
  /** Change of the loss predicted for a trial step; meaningless in a step without one. */
  readonly predicted: number;
  /** Factor of the damping after a trial step; meaningless in a step without one. */
  readonly dampingFactor: number;
  /** Lambda of a parameter. */
  lambda(index: number): number;
  /** Six numbers of a parameter's refresh. */
  status(index: number): number[];
  /** Effective share of a parameter; meaningless where none was found out in the step. */
  effectiveShare(index: number): number;
}

/** The rows of the last steps. */
export class StepLog implements Disposable {
  readonly #backend: Backend;
  readonly #rows: OwnedMatrix;
  readonly #parameters: readonly string[];

  /** Allocates the rows of so many steps. The caller disposes them. */
  constructor(backend: Backend, parameters: readonly string[], steps: number) {
    const width = OVERALL + parameters.length * (1 + PER_LAYER);
    this.#backend = backend;
    this.#rows = backend.alloc(steps, width);
    this.#parameters = parameters;
  }

  /** All rows. */
  get all(): Matrix {
    return this.#rows;
  }

  /** The row of a step; overwrites that of an earlier one. */
  rowOf(step: number): StepRow {
    const row = step % this.#rows.rows;
    return new StepRow(rowsOf(this.#rows, row, row + 1), this.#parameters);
  }

  /** Notes lambdas, refreshes and effective shares of a step, without waiting for them. */
  note(
    row: StepRow,
    renewals: readonly (Renewal | undefined)[],
    lambdaOf: (index: number) => Scalar | undefined,
    shareOf: (index: number) => Matrix | undefined,
  ): void {
    this.#parameters.forEach((_, index) => {
      const share = shareOf(index);
      if (share !== undefined) this.#backend.axpby(row.effectiveShare(index), 1, share, 0);
      const lambda = lambdaOf(index);
      if (typeof lambda === "number") this.#backend.write(row.lambda(index), [lambda]);
      else if (lambda !== undefined) this.#backend.axpby(row.lambda(index), 1, lambda, 0);
    });
    renewals.forEach((renewal, index) => {
      if (renewal === undefined) return;
      const place = row.status(index, renewal.status.cols);
      this.#backend.axpby(place, 1, renewal.status, 0);
    });
  }

  /**
   * Throws when a step's row has been overwritten.
   *
   * @throws {StateError} Says how many steps a report may wait.
   */
  checkKept(step: number, now: number): void {
    if (now - step <= this.#rows.rows) return;
    throw new StateError(
      `Cannot report step ${step}: ${now - step} steps ago, received too late; ask within ` +
        `${this.#rows.rows} steps`,
    );
  }

  /** Gives the rows back. */
  [Symbol.dispose](): void {
    this.#rows[Symbol.dispose]();
  }
}
