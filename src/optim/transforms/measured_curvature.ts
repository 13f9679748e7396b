/**
 * The curvature along a step, measured on its batch: what a layer's block cannot know of directions that it has cut
 * short, and blocks, each for itself, not of each other.
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
import { columnsOf, type Matrix, type OwnedMatrix, reshaped, rowsOf } from "../../core/matrix.ts";
import { correctedDecay } from "../../curvature/moving_average.ts";
import type { Whole } from "../../distributed/reduction.ts";

/** Weight of the past in chi: five observations. Momentary values let steps through that are too long. */
const DECAY = 0.8;

/**
 * Running means of what the curvature C of a batch makes of directions (Martens & Grosse 2015, section 6.4). Of each layer
 * alone over what its block assumes, and of all of them over the sum of each alone:
 *
 * ```text
 * chi_l = U_l^T C_l U_l / <U_l, S_l>,   U'_l = U_l / max(chi_l, 1)
 * chi   = U'^T C U' / sum_l U'_l^T C_l U'_l
 * ```
 *
 * Each layer so takes the length that suits it, and one whose block knows its curvature badly does not shorten the
 * others. `U^T C U = mean_n (sum_l <g_n, U_l abar_n>)^2` takes one product a layer from captures of C.
 *
 * @example A layer with three times the curvature that its block assumes
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using inputs = upload(backend, denseMatrix(1, 2, [3, 0]));
 * using outputGradients = upload(backend, denseMatrix(1, 1, [1]));
 * using direction = upload(backend, denseMatrix(1, 2, [1 / 3, 5])); // of S = (1, 0) with 3 assumed in the place of 9
 * using product = upload(backend, denseMatrix(1, 1, [1 / 3]));
 * using curvature = new MeasuredCurvature(backend, 1);
 * const capture = { kind: "dense", examples: 1, inputs, outputGradients } as const;
 * backend.scope(() => curvature.update([capture], [direction], product));
 * allClose(backend.readSync(curvature.ratio), [1], { relative: 1e-12 });
 * curvature.begin();
 * allClose(backend.readSync(curvature.shareOf(0)), [1 / 3], { relative: 1e-12 });
 * ```
 */
export class MeasuredCurvature implements Disposable {
  /** chi of each layer and, last, of all together, [1, layers + 1]; 1 at first. Part of a checkpoint. */
  readonly state: OwnedMatrix;
  /** Measurements so far; part of a checkpoint. */
  count = 0;
  readonly #backend: Backend;
  /** `1 / max(chi_l, 1)` of the directions of this step, [1, layers]. */
  readonly #shares: OwnedMatrix;

  /**
   * Allocates two numbers a layer. The caller disposes it.
   *
   * @param layers Parameters of the model.
   */
  constructor(backend: Backend, layers: number) {
    this.#backend = backend;
    this.state = backend.alloc(1, layers + 1);
    this.#shares = backend.alloc(1, layers);
    backend.write(this.state, new Float64Array(layers + 1).fill(1));
    backend.write(this.#shares, new Float64Array(layers).fill(1));
  }

  /** chi of all layers together, [1, 1]. */
  get ratio(): Matrix {
    const { cols } = this.state;
    return columnsOf(this.state, cols - 1, cols);
  }

  /** Before the directions of a step are made. */
  begin(): void {
    this.#backend.evaluate(shortened, { ratios: this.#ratios }, { shares: this.#shares });
  }

  /** What the direction of a layer is multiplied with in this step, [1, 1]. */
  shareOf(layer: number): Matrix {
    return columnsOf(this.#shares, layer, layer + 1);
  }

  /**
   * Measures a step. Inside a scope; reads nothing back.
   *
   * @param captures One per parameter, of equally many examples; `undefined` where a layer leaves none.
   * @param directions `U'_l` of each parameter; needed where there is a capture.
   * @param products `<U'_l, S_l>`, [1, parameters]; those without a capture must be 0.
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
    const layers = captures.length;
    const mean = { scale: 1 / (whole?.examples ?? examples) };
    // A row per layer, the last one their sum.
    const slopes = backend.scratch(layers + 1, examples);
    const curvatures = backend.scratch(1, layers + 1);
    const all = rowsOf(slopes, layers, layers + 1);
    let decay = 0;
    captures.forEach((capture, index) => {
      const own = columnsOf(curvatures, index, index + 1);
      if (capture === undefined) return backend.write(own, [0]);
      const row = rowsOf(slopes, index, index + 1);
      backend.scope(() => writeSlopes(backend, row, capture, directions[index]!));
      backend.dot(own, row, row, mean);
      backend.axpby(all, 1, row, decay);
      decay = 1;
    });
    backend.dot(columnsOf(curvatures, layers, layers + 1), all, all, mean);
    whole?.sum({ matrix: curvatures });
    const past = correctedDecay(this.count, DECAY);
    const [own, together] = [[0, layers], [layers, layers + 1]].map(([from, to]) =>
      columnsOf(curvatures, from, to)
    );
    backend.evaluate(
      averaged,
      { own, products, shares: this.#shares, ratios: this.#ratios, past },
      { ratios: this.#ratios },
    );
    const { ratio } = this;
    backend.evaluate(averagedTogether, { own, together, ratio, past }, { ratio });
    this.count++;
  }

  /** Gives the numbers back. */
  [Symbol.dispose](): void {
    this.state[Symbol.dispose]();
    this.#shares[Symbol.dispose]();
  }

  get #ratios(): Matrix {
    return columnsOf(this.state, 0, this.state.cols - 1);
  }
}

/** `out_n = <G_n, U>`, `G_n` being what the capture holds of example n. */
function writeSlopes(backend: Backend, out: Matrix, capture: Capture, direction: Matrix): void {
  const { examples } = capture;
  if (capture.kind === "elements") {
    const column = reshaped(out, examples, 1);
    const weights = reshaped(direction, capture.gradients.cols, 1);
    backend.gemm(column, capture.gradients, weights);
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
  backend.rowDots(out, perExample(changes), perExample(g));
}

const shortened = formula(
  { ratios: "vector" },
  ({ ratios }) => ({ shares: div(1, max(ratios, 1)) }),
);

/** Keeps quotients finite. */
const TINY = 1e-35;

const averaged = formula(
  { own: "vector", products: "vector", shares: "vector", ratios: "vector", past: "number" },
  ({ own, products, shares, ratios, past }) => {
    // The share is in both of what the direction was taken of: once in the product, twice in the curvature.
    const now = div(own, max(mul(products, shares), TINY));
    const next = add(mul(past, ratios), mul(sub(1, past), now));
    // Captures of a batch that is left out may be zeros.
    const usable = mul(mul(greater(own, 0), greater(products, 0)), isFinite(now));
    return { ratios: select(usable, next, ratios) };
  },
);

const averagedTogether = formula(
  { own: "vector", together: "number", ratio: "number", past: "number" },
  ({ own, together, ratio, past }) => {
    const now = div(together, max(sum(own), TINY));
    const next = add(mul(past, ratio), mul(sub(1, past), now));
    return { ratio: select(mul(greater(together, 0), isFinite(now)), next, ratio) };
  },
);
