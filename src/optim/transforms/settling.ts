/**
 * Steps that become shorter once they follow nothing but the noise of batches.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import {
  add,
  div,
  formula,
  greater,
  max,
  mean,
  min,
  mul,
  select,
  sqrt,
  sub,
} from "../../core/formula.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../../core/matrix.ts";

/** Weight of the past in m: twenty steps. */
const DECAY = 0.95;

/** What one layer of one step counts at most: an average near zero says nothing. */
const MOST = 3;

/** -m at which a step counts in full. */
const PLAIN = 0.2;

/** Examples from which on a step counts in full; a step of fewer is shorter by itself. */
const WHOLE = 32;

/** A gradient and the average it is going to enter, before it does. */
export interface Pair {
  /** G. */
  readonly gradient: Matrix;
  /** S. */
  readonly average: Matrix;
}

/**
 * s, what learning rate and decay are multiplied with, falls like `1 / sqrt(1 + tau / T)` (Robbins & Monro 1951); tau
 * counts steps, but only while they go to and fro. Those that get ahead have gradients that agree with the average of
 * the earlier ones, those that have come as far as steps of their length can come do not (Pflug 1990). With
 *
 * ```text
 * r = mean over layers of <S_l, G_l> / |S_l|^2, each held in [-3, 3]
 * m <- 0.95 m + 0.05 r,   tau <- tau + clip(-m / 0.2, 0, 1) min(1, N / 32),   s = 1 / sqrt(1 + tau / T)
 * ```
 *
 * S being the average that the gradient G of N examples is about to enter. It has no unit, and no layer's scale
 * matters. Where momentum does not average gradients s stays 1.
 *
 * @example Two gradients that contradict each other
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using settling = new Settling(backend, 10);
 * using average = upload(backend, denseMatrix(1, 2, [3, 4]));
 * using gradient = upload(backend, denseMatrix(1, 2, [-6, -8]));
 * for (let step = 0; step < 20; step++) backend.scope(() => settling.heed([{ gradient, average }], 32));
 * // m = 3 * 0.95^t - 2 after t steps: below zero from t = 8 on, below -0.2 from t = 10 on.
 * const early = [8, 9].map((t) => (2 - 3 * 0.95 ** t) / 0.2).reduce((sum, share) => sum + share);
 * allClose(backend.readSync(settling.factor), [1 / Math.sqrt(1 + (early + 11) / 10)], { relative: 1e-12 });
 * ```
 */
export class Settling implements Disposable {
  /** m, tau and s, [1, 3]; part of a checkpoint. */
  readonly state: OwnedMatrix;
  readonly #backend: Backend;
  readonly #steps: number;

  /**
   * Allocates three numbers. The caller disposes it.
   *
   * @param steps T, > 0.
   */
  constructor(backend: Backend, steps: number) {
    this.#backend = backend;
    this.#steps = steps;
    this.state = backend.alloc(1, 3);
    backend.write(this.state, [1, 0, 1]);
  }

  /** s, [1, 1]. */
  get factor(): Matrix {
    return columnsOf(this.state, 2, 3);
  }

  /**
   * Looks at the gradients of a step. Inside a scope; reads nothing back.
   *
   * @param pairs Of the layers whose gradients are averaged.
   * @param examples N.
   */
  heed(pairs: readonly Pair[], examples: number): void {
    if (pairs.length === 0) return;
    const backend = this.#backend;
    const [products, squares] = [0, 1].map(() => backend.scratch(1, pairs.length));
    pairs.forEach(({ gradient, average }, index) => {
      backend.dot(columnsOf(products, index, index + 1), average, gradient);
      backend.dot(columnsOf(squares, index, index + 1), average, average);
    });
    const [m, tau, s] = [0, 1, 2].map((place) => columnsOf(this.state, place, place + 1));
    const numbers = { share: Math.min(1, examples / WHOLE), steps: this.#steps };
    backend.evaluate(heeded, { products, squares, m, tau, ...numbers }, { m, tau, s });
  }

  /** Gives the numbers back. */
  [Symbol.dispose](): void {
    this.state[Symbol.dispose]();
  }
}

/** An average whose square is below this is none yet. */
const NONE = 1e-35;

const heeded = formula(
  {
    products: "vector",
    squares: "vector",
    m: "number",
    tau: "number",
    share: "number",
    steps: "number",
  },
  ({ products, squares, m, tau, share, steps }) => {
    const ratios = min(MOST, max(-MOST, div(products, max(squares, NONE))));
    const agreement = mean(select(greater(squares, NONE), ratios, 1));
    const now = add(mul(DECAY, m), mul(1 - DECAY, agreement));
    const counts = mul(share, min(1, max(0, div(sub(0, now), PLAIN))));
    const count = add(tau, counts);
    return { m: now, tau: count, s: div(1, sqrt(add(1, div(count, steps)))) };
  },
);
