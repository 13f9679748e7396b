/**
 * The curvature's guard: one batch out of scale must not rule an average for as long as it remembers.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import {
  add,
  atLeast,
  formula,
  greater,
  largest,
  max,
  mul,
  select,
  sqrt,
  sub,
} from "../core/formula.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../core/matrix.ts";
import type { Whole } from "../distributed/reduction.ts";
import { correctedDecay } from "./moving_average.ts";

/** Weight of the past in the running means. */
const DECAY = 0.95;

/** Observations until it is known what is usual. */
const SETTLED = 12;

/** Sums of squares beyond this, and what is not finite, could overflow in an average of float32 numbers. */
const LARGEST = 1e30;

/**
 * Leaves an observation out where, in some layer, it is more than `limit` times what is usual, and the one
 * before it was not left out: what comes twice is no accident. The size of an observation of n examples is
 * `|X|^2 |g|^2 / n^2`, X the layer's inputs and g its output gradients; the running mean is of its root. Among
 * the first twelve, when little is known yet, it takes `limit` squared. Where `|X|^2 / n`, `|g|^2 / n` or the
 * size is not finite, or above 1e30, it is always left out: no average could forget it.
 *
 * @example A batch whose inputs are a million times too large
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { ObservationGuard } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using guard = new ObservationGuard(backend, 1, 1000);
 * using outputGradients = upload(backend, denseMatrix(1, 1, [1]));
 * const usable = (input: number) => {
 *   using inputs = upload(backend, denseMatrix(1, 1, [input]));
 *   const capture = { kind: "dense", examples: 1, inputs, outputGradients } as const;
 *   return backend.scope(() => backend.readSync(guard.judge([capture]))[0]);
 * };
 * for (let i = 0; i < 12; i++) assert.equal(usable(1), 1);
 * assert.deepEqual([usable(1e6), usable(1)], [0, 1]);
 * ```
 */
export class ObservationGuard implements Disposable {
  /** Running means of the layers' sizes, and whether the last observation was left out, [1, layers + 1]. */
  readonly state: OwnedMatrix;
  /** Observations so far; part of a checkpoint. */
  count = 0;
  readonly #backend: Backend;
  readonly #limit: number;

  /** For a number of layers; without a limit only what no average could hold is left out. The caller disposes it. */
  constructor(backend: Backend, layers: number, limit: number | false) {
    this.#backend = backend;
    this.#limit = limit === false ? LARGEST : limit;
    this.state = backend.alloc(1, layers + 1);
  }

  /**
   * Judges an observation: one capture per layer, `undefined` where it left none. Inside a scope; reads
   * nothing back.
   *
   * @param whole What the captures are a part of, where other ranks have the rest.
   * @returns 1 where it may be averaged, 0 where it is left out, [1, 1], in scratch memory.
   */
  judge(captures: readonly (Capture | undefined)[], whole?: Whole): Matrix {
    const backend = this.#backend;
    const layers = captures.length;
    const [inputs, gradients] = [backend.scratch(1, layers), backend.scratch(1, layers)];
    const ones: Matrix[] = [];
    captures.forEach((capture, index) => {
      const [a, g] = [inputs, gradients].map((row) => columnsOf(row, index, index + 1));
      const scale = capture === undefined ? 0 : 1 / (whole?.examples ?? capture.examples);
      const [x, y] = capture === undefined ? [this.state, this.state] : sidesOf(capture);
      if (x === y) {
        backend.write(a, [0]);
        if (capture !== undefined) ones.push(a);
      } else backend.dot(a, x, x, { scale });
      backend.dot(g, y, y, { scale });
    });
    whole?.sum({ matrix: inputs }, { matrix: gradients });
    for (const a of ones) backend.write(a, [1]);
    const usable = backend.scratch(1, 1);
    const means = columnsOf(this.state, 0, layers);
    const leftOut = columnsOf(this.state, layers, layers + 1);
    backend.evaluate(judged, {
      inputs,
      gradients,
      means,
      leftOut,
      limit: this.count < SETTLED ? this.#limit : Math.sqrt(this.#limit),
      decay: correctedDecay(this.count, DECAY),
    }, { usable, means, leftOut });
    this.count++;
    return usable;
  }

  /** Forgets what is usual. */
  restart(): void {
    this.#backend.axpby(this.state, 0, this.state, 0);
    this.count = 0;
  }

  /** Gives the numbers back. */
  [Symbol.dispose](): void {
    this.state[Symbol.dispose]();
  }
}

/** The two matrices whose squared norms make up the size of an observation; equal where there is one. */
function sidesOf(capture: Capture): readonly [Matrix, Matrix] {
  switch (capture.kind) {
    case "dense":
      return [capture.inputs, capture.outputGradients];
    case "conv2d":
      return [capture.images, capture.outputGradients];
    case "embedding":
      return [capture.outputGradients, capture.outputGradients];
    case "elements":
      return [capture.gradients, capture.gradients];
  }
}

const judged = formula(
  {
    inputs: "vector",
    gradients: "vector",
    means: "vector",
    leftOut: "number",
    limit: "number",
    decay: "number",
  },
  ({ inputs, gradients, means, leftOut, limit, decay }) => {
    const sizes = mul(sqrt(inputs), sqrt(gradients));
    const all = add(add(inputs, gradients), mul(sizes, sizes));
    // NaN compares as false.
    const beyond = largest(sub(1, greater(LARGEST, all)));
    // A layer without a mean yet is not out of scale; NaN compares as false, so this asks what is usual.
    const unusual = largest(
      select(greater(means, 0), sub(1, atLeast(mul(limit, means), sizes)), 0),
    );
    const out = max(beyond, mul(sub(1, leftOut), unusual));
    // The first one that is not left out is all there is.
    const past = mul(decay, greater(means, 0));
    const next = add(mul(past, means), mul(sub(1, past), sizes));
    return {
      usable: sub(1, out),
      means: select(out, means, next),
      leftOut: out,
    };
  },
);
