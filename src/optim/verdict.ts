/**
 * Whether a step stands, as a GPU decides it for itself: nobody waits for its numbers.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import {
  type Expression,
  formula,
  greater,
  isFinite,
  largest,
  max,
  mul,
  type Rank,
  select,
  sub,
} from "../core/formula.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../core/matrix.ts";
import type { StepNorms } from "./gate.ts";
import type { StepRow } from "./step_row.ts";

/** Beyond this, averages of a loss, of squared gradients or of products could overflow in float32. */
const LARGEST = 1e30;

/** A longer step than this times a direction of finite square could take weights out of float32. */
const LONGEST = 1e15;

/** Numbers of steps are told apart by their rest: float32 counts no further. */
const STEPS = 2 ** 24;

/**
 * Remembers, on the device, whether a step has been refused, and which one was the first. From then on all are, until
 * the host has found out.
 */
export class Verdict implements Disposable {
  readonly #backend: Backend;
  readonly #cells: OwnedMatrix;

  /** Begins with nothing refused. The caller disposes it. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.#cells = backend.alloc(1, 2);
  }

  /** Whether a step has been refused, 0 or 1, [1, 1]. */
  get refused(): Matrix {
    return columnsOf(this.#cells, 0, 1);
  }

  /** {@linkcode Verdict.refused}, and the rest of the number of the first such step, [1, 2]. */
  get all(): Matrix {
    return this.#cells;
  }

  /** Judges a step by its numbers, and leaves in its row what has become of it. */
  judge(
    row: StepRow,
    { directions, weights }: StepNorms,
    { step, rate }: { readonly step: number; readonly rate: number },
  ): void {
    const { loss, innerProduct: product, squaredNorms: gradients, clip } = row;
    const [before, first] = [this.refused, columnsOf(this.#cells, 1, 2)];
    this.#backend.evaluate(
      judged,
      {
        loss,
        product,
        gradients,
        clip,
        directions,
        weights,
        rate,
        before,
        first,
        step: step % STEPS,
      },
      { refused: row.refused, firstRefused: row.firstRefused, now: before, nowFirst: first },
    );
  }

  /** Lets steps be taken again. */
  clear(): void {
    this.#backend.write(this.#cells, [0, 0]);
  }

  /** Gives the numbers back. */
  [Symbol.dispose](): void {
    this.#cells[Symbol.dispose]();
  }
}

/** Whether two numbers of steps have the same rest. */
export function isStep(step: number, rest: number): boolean {
  return step % STEPS === rest;
}

const judged = formula(
  {
    loss: "number",
    product: "number",
    gradients: "vector",
    clip: "number",
    directions: "vector",
    weights: "vector",
    rate: "number",
    before: "number",
    first: "number",
    step: "number",
  },
  ({ loss, product, gradients, clip, directions, weights, rate, before, first, step }) => {
    // NaN compares as false. Only what comes in is compared: of what overflows here, a GPU's compiler promises nothing.
    const within = <R extends Rank>(x: Expression<R>, most: number) =>
      mul(greater(most, x), greater(x, -most));
    const whole = mul(
      mul(within(loss, LARGEST), within(product, LARGEST)),
      mul(isFinite(clip), within(rate, LONGEST)),
    );
    const parts = mul(greater(LARGEST, gradients), mul(isFinite(directions), isFinite(weights)));
    const refused = max(before, max(sub(1, whole), largest(sub(1, parts))));
    const firstRefused = select(before, first, step);
    return { refused, firstRefused, now: refused, nowFirst: firstRefused };
  },
);
