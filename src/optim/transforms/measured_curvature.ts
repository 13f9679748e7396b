/**
 * The curvature along a step, measured on its batch: what the layers' blocks, each for itself, cannot know.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import type { Capture } from "../../core/capture.ts";
import {
  add,
  div,
  formula,
  greater,
  isFinite,
  max,
  mul,
  select,
  sub,
  sum,
} from "../../core/formula.ts";
import { type Matrix, type OwnedMatrix, reshaped } from "../../core/matrix.ts";
import { correctedDecay } from "../../curvature/moving_average.ts";
import type { Whole } from "../../distributed/reduction.ts";

/** Weight of the past in chi: five observations. Momentary values let steps through that are too long. */
const DECAY = 0.8;

/**
 * chi, the running mean of `U^T C U / sum_l <U_l, S_l>`: the curvature C of the batch along the directions,
 * couplings of layers included, over what the blocks assume (Martens & Grosse 2015, section 6.4).
 * `U^T C U = mean_n (sum_l <g_n, U_l abar_n>)^2` takes one product a layer from captures of C.
 *
 * @example A model that one block describes exactly
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using inputs = upload(backend, denseMatrix(1, 2, [3, 0]));
 * using outputGradients = upload(backend, denseMatrix(1, 1, [1]));
 * using direction = upload(backend, denseMatrix(1, 2, [1 / 9, 5])); // of S = (1, 0) with C = diag(9, 0)
 * using product = upload(backend, denseMatrix(1, 1, [1 / 9]));
 * using curvature = new MeasuredCurvature(backend);
 * const capture = { kind: "dense", examples: 1, inputs, outputGradients } as const;
 * backend.scope(() => curvature.update([capture], [direction], product));
 * allClose(backend.readSync(curvature.ratio), [1], { relative: 1e-12 });
 * ```
 */
export class MeasuredCurvature implements Disposable {
  /** chi, [1, 1]; 1 at first. Part of a checkpoint. */
  readonly ratio: OwnedMatrix;
  /** Measurements so far; part of a checkpoint. */
  count = 0;
  readonly #backend: Backend;

  /** The caller disposes it. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.ratio = backend.alloc(1, 1);
    backend.write(this.ratio, [1]);
  }

  /**
   * Measures a step. Inside a scope; reads nothing back.
   *
   * @param captures One per parameter, of equally many examples; `undefined` where a layer leaves none.
   * @param directions `U_l` of each parameter; needed where there is a capture.
   * @param products `<U_l, S_l>`, [1, parameters]; those without a capture must be 0.
   * @param whole What the captures are a part of, where other ranks have the rest.
   */
  update(
    captures: readonly (Capture | undefined)[],
    directions: readonly (Matrix | undefined)[],
    products: Matrix,
    whole?: Whole,
  ): void {
    const backend = this.#backend;
    const examples = captures.find((capture) => capture !== undefined)?.examples;
    if (examples === undefined) return;
    const slopes = backend.scratch(1, examples);
    let decay = 0;
    captures.forEach((capture, index) => {
      if (capture === undefined) return;
      backend.scope(() => addSlopes(backend, slopes, capture, directions[index]!, decay));
      decay = 1;
    });
    const curvature = backend.scratch(1, 1);
    backend.dot(curvature, slopes, slopes, { scale: 1 / (whole?.examples ?? examples) });
    whole?.sum({ matrix: curvature });
    const inputs = { curvature, products, ratio: this.ratio };
    const past = correctedDecay(this.count, DECAY);
    backend.evaluate(averaged, { ...inputs, past }, { ratio: this.ratio });
    this.count++;
  }

  /** Gives the number back. */
  [Symbol.dispose](): void {
    this.ratio[Symbol.dispose]();
  }
}

/** `out_n <- decay out_n + <G_n, U>`, `G_n` being what the capture holds of example n. */
function addSlopes(
  backend: Backend,
  out: Matrix,
  capture: Capture,
  direction: Matrix,
  decay: number,
): void {
  const { examples } = capture;
  if (capture.kind === "elements") {
    const column = reshaped(out, examples, 1);
    const weights = reshaped(direction, capture.gradients.cols, 1);
    backend.gemm(column, capture.gradients, weights, { beta: decay });
    return;
  }
  const { outputGradients: g } = capture;
  const changes = backend.scratch(g.rows, g.cols);
  if (capture.kind === "embedding") {
    backend.gatherRows(changes, direction, capture.tokens);
  } else if (capture.kind === "dense") {
    backend.gemm(changes, capture.inputs, direction, { transposeB: true });
  } else backend.conv2d(changes, capture.images, direction, capture.geometry);
  const perExample = (m: Matrix) => reshaped(m, examples, m.rows * m.cols / examples);
  backend.rowDots(out, perExample(changes), perExample(g), { decay });
}

const averaged = formula(
  { curvature: "number", products: "vector", ratio: "number", past: "number" },
  ({ curvature, products, ratio, past }) => {
    const assumed = sum(products);
    const now = div(curvature, max(assumed, 1e-35));
    const next = add(mul(past, ratio), mul(sub(1, past), now));
    // Captures of a batch that is left out may be zeros.
    const usable = mul(mul(greater(curvature, 0), greater(assumed, 0)), isFinite(now));
    return { ratio: select(usable, next, ratio) };
  },
);
