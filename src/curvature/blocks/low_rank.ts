/**
 * EKFAC and TEKFAC at low rank: the leading eigenvectors of the two factors, and measured eigenvalues along
 * them and, as exact totals, everywhere else.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import { columnsOf, type Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { renewalOf } from "../factor_bases.ts";
import { locationsPerExample, type Statistic } from "../fisher.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import { momentSpectrum, traceOf, transportMoments } from "../moments.ts";
import type { Observation } from "../moving_average.ts";
import type { Followed, Renewal } from "../renewal.ts";
import { FactorSketch, inputRows, matrixRows, outputRows } from "../sketch.ts";
import { wholeGradients } from "../whole_gradients.ts";
import {
  type Block,
  type BlockOptions,
  type BlockPower,
  type LentMatrices,
  Owner,
} from "./block.ts";

/** What a {@linkcode LowRankBlock} is made of. */
export interface LowRankOptions extends BlockOptions {
  /** Name of the approximation whose factors are sketched. */
  readonly method: "ekfac" | "tekfac";
  /** How much each row counts in the factors; what sets EKFAC and TEKFAC apart. */
  readonly statistic: Statistic;
  /** Whether the factors of a convolution are of whole gradients, exactly the Fisher's partial traces. @default {false} */
  readonly exact?: boolean;
  /** Directions a side, >= 1; a side with fewer dimensions keeps all of them. */
  readonly rank: number;
  /** p of `(Theta + lambda)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/**
 * `F ~ P diag(Theta) P^T + complements`: with k directions Qo, Qi of each side,
 * `Theta_ij = E[(q_i^T G_n q_j)^2]`, and along a direction of one side, or of none, the mean of what is left
 * of the exact totals `E |q_i^T G_n|^2`, `E |G_n q_j|^2` and `E |G_n|^2` (docs/MATH.md, section 2.9). The trace
 * is the Fisher's at every step; with k as large as both sides it is EKFAC or TEKFAC itself.
 *
 * It costs `8 k dOut dIn'` operations a step instead of `4 dOut dIn' (dOut + dIn')`, and keeps
 * `2 k (dOut + dIn')` numbers instead of `2 (dOut^2 + dIn'^2) + dOut dIn'`.
 *
 * @example Two directions of three, for gradients that lie in them
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { LowRankBlock, Refresher, traceKeeping } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [3], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * backend.write(parameter.gradient, [1, 1, 1]);
 * using inputs = upload(backend, denseMatrix(2, 3, [2, 0, 0, 0, 1, 0]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "dense", examples: 2, inputs, outputGradients } as const;
 *
 * using block = new LowRankBlock(backend, parameter, {
 *   method: "tekfac",
 *   statistic: traceKeeping,
 *   rank: 2,
 *   damping: { kind: "absolute", lambda: 0.5 },
 * });
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   if (block.findBasis(2)) block.observeStatistics(capture, first); // the first one was random
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(1, 3);
 *   block.precondition(step, parameter.gradient, 0);
 *   // The Fisher is diag(2, 4.5, 0).
 *   const expected = [1 / 2.5, 1 / 5, 1 / 0.5];
 *   allClose(backend.readSync(step), expected, { relative: 1e-4 });
 * });
 * ```
 */
export class LowRankBlock extends Owner implements Block {
  readonly method: "ekfac" | "tekfac";
  readonly eigenvaluesFrom = "captures";
  readonly parameter: Parameter;
  /** Of the factor over outputs. */
  readonly output: FactorSketch;
  /** Of the factor over inputs. */
  readonly input: FactorSketch;
  /** Eigenvalues and totals, [k + 1, l + 1]; see `moments.ts`. */
  readonly moments: Matrix;
  /** Its damping. */
  readonly damping: LayerDamping;
  /** Of TEKFAC alone. */
  readonly effectiveShare?: Matrix;
  /** A basis is quick to renew, so that none ever has to stand in. */
  readonly solved = false;
  readonly #backend: Backend;
  readonly #statistic: Statistic;
  readonly #exponent: number;
  readonly #exact: boolean;
  /** Statuses of both sides' eigenproblems, [1, 6]. */
  readonly #status: Matrix;
  readonly #sizes: readonly [dOut: number, dIn: number];
  /** Whether there are moments that a new basis must not lose. */
  #measured = false;
  /** T, of an example. */
  #locations = 1;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: LowRankOptions) {
    super();
    const { rows: dOut, cols: dIn } = parameter.value;
    const { method, statistic, rank, exponent = 1, exact = false } = options;
    this.#backend = backend;
    this.parameter = parameter;
    this.method = method;
    this.#statistic = statistic;
    this.#exponent = exponent;
    this.#exact = exact;
    this.#sizes = [dOut, dIn];
    try {
      this.output = this.own(new FactorSketch(backend, Math.min(rank, dOut), dOut));
      this.input = this.own(new FactorSketch(backend, Math.min(rank, dIn), dIn));
      const { basis: { rows: k } } = this.output;
      this.moments = this.alloc(backend, k + 1, this.input.basis.rows + 1);
      this.#status = this.alloc(backend, 1, 6);
      if (method === "tekfac") this.effectiveShare = this.alloc(backend, 1, 1);
      this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get state(): Readonly<Record<string, Matrix>> {
    return {
      outputBasis: this.output.basis,
      inputBasis: this.input.basis,
      outputSketch: this.output.product,
      inputSketch: this.input.product,
      outputAverage: this.output.average,
      inputAverage: this.input.average,
      moments: this.moments,
    };
  }

  get sums(): Block["sums"] {
    return {
      statistics: [{ matrix: this.output.product }, { matrix: this.input.product }],
      eigenvalues: [{ matrix: this.moments }],
    };
  }

  get lent(): LentMatrices {
    const bases = [this.output.basis, this.input.basis];
    return { statistics: bases, eigenvalues: [...bases, this.output.average, this.input.average] };
  }

  observeStatistics(capture: KroneckerCapture, observation: Observation): void {
    const backend = this.#backend;
    this.#locations = locationsPerExample(capture);
    const { effectiveShare: share } = this;
    if (this.#exact && capture.kind === "conv2d") {
      this.#statistic(backend, capture, share);
      const whole = wholeGradients(backend, capture, this.input.basis.cols);
      this.input.observe(matrixRows(backend, whole.input), undefined, observation);
      this.output.observe(matrixRows(backend, whole.output), undefined, observation);
      return;
    }
    const { input, output, outputScale } = this.#statistic(backend, capture, share);
    this.input.observe(inputRows(backend, capture), input, observation);
    const scaled = { ...observation, scale: outputScale * observation.scale };
    this.output.observe(outputRows(backend, capture), output, scaled);
  }

  findBasis(examples: number): boolean {
    const rows = examples * this.#locations;
    // Both are asked.
    return [this.input, this.output].map((side) => side.findBasis(rows)).includes(true);
  }

  /** The problems are small: nothing to solve together with those of other layers. */
  finishRefresh(): Renewal {
    const overlaps = { output: this.output.renew(), input: this.input.renew() };
    if (this.#measured) transportMoments(this.#backend, this.moments, overlaps, this.#sizes);
    [this.output, this.input].forEach(({ status }, side) => {
      const place = columnsOf(this.#status, 3 * side, 3 * side + 3);
      this.#backend.axpby(place, 1, status, 0);
    });
    return renewalOf(this.#status);
  }

  followRefresh(): Followed {
    return { renewal: renewalOf(this.#status), follow: () => {} };
  }

  observeEigenvalues(capture: KroneckerCapture, observation: Observation): void {
    const backend = this.#backend;
    const { rows, cols } = this.moments;
    const [fresh, half] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
    backend.projectedMoments(fresh, capture, this.#basis, { ...observation, decay: 0 });
    backend.gemm(half, this.output.average, fresh);
    backend.gemm(this.moments, half, this.input.average, {
      transposeB: true,
      beta: observation.decay,
    });
    this.#measured = true;
  }

  lambda(step: number): Scalar {
    const [dOut, dIn] = this.#sizes;
    return this.damping.at(step, () => this.trace(), dOut * dIn, this.#complements);
  }

  trace(): Trace {
    return [traceOf(this.moments)];
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: this.#exponent });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.power(out, x, { damping: 0, exponent: -1 });
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    this.#backend.lowRankDivide(out, x, this.#basis, { moments: this.moments, ...power });
  }

  spectrum(): Matrix {
    return momentSpectrum(this.#backend, this.moments, this.#sizes);
  }

  mark(): () => void {
    const measured = this.#measured;
    const goBack = this.damping.mark();
    return () => {
      this.#measured = measured;
      goBack();
    };
  }

  get measured(): boolean {
    return this.#measured;
  }

  restored({ measured = false }: Pick<Block, "measured">): void {
    this.#measured = measured;
  }

  /** Dimensions of either side that have no eigenvalue of their own. */
  get #complements(): readonly number[] {
    const [dOut, dIn] = this.#sizes;
    return [dOut - this.output.basis.rows, dIn - this.input.basis.rows];
  }

  get #basis(): { readonly output: Matrix; readonly input: Matrix } {
    return { output: this.output.basis, input: this.input.basis };
  }
}
