/**
 * The blocks of embeddings: tokens keep their own coordinates, channels have a basis.
 *
 * @module
 */

import type { Backend, EighJob, Scalar } from "../../backend/backend.ts";
import { type EmbeddingCapture, meanLocations } from "../../core/capture.ts";
import { div, formula, max } from "../../core/formula.ts";
import { markAll } from "../../core/marks.ts";
import { columnsOf, type Matrix, reshaped } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { type FactorSide, FullSide, SketchedSide } from "../factor_side.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import { complementMean, transportOf } from "../moments.ts";
import type { Observation } from "../moving_average.ts";
import type { Renewal } from "../renewal.ts";
import { addTableMoments } from "../table_moments.ts";
import { type Block, type BlockPower, type LayerBlockOptions, Owner } from "./block.ts";

/**
 * The Fisher block of a table [V, dOut] whose inputs are unit vectors, one per token. Then the input factor is
 * diagonal, `a = E[sum_t w_t e_token]` with `w = 1` (KFAC, EKFAC: counts) or `w = |g_t|^2` (TKFAC, TEKFAC), and
 * its eigenvectors are the tokens: no V x V matrix, and no eigenproblem on that side. With eigenvectors q_j of
 * the output factor,
 *
 * ```text
 * EKFAC, TEKFAC   Theta_vj = E[(row v of G_n . q_j)^2]       KFAC   Theta_vj = a_v b_j       TKFAC   a_v b_j / delta
 * ```
 *
 * `G_n` being the gradient summed over the example's positions. With a rank the k leading q_j are kept, and each
 * token's exact total `E |row v of G_n|^2`, of which the rest is shared by the other directions
 * (docs/MATH.md, section 2.10). The damping of KFAC and TKFAC is added to the products (`split: "exact"`), and
 * eigenvalues are always measured from captures; both need all directions.
 *
 * @example Two tokens: the one that never occurs moves by gradient / lambda
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { EmbeddingBlock, Refresher } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { embedding, sequential } from "@tekfac/tekfac/nn";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [embedding({ vocabulary: 2, width: 1 })];
 * using model = sequential(backend, { input: [1], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * backend.write(parameter.gradient, [1, 1]);
 * using tokens = upload(backend, denseMatrix(1, 2, [0, 0]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [1, 3]));
 * const capture = { kind: "embedding", examples: 2, tokens, outputGradients } as const;
 *
 * const damping = { kind: "absolute", lambda: 0.5 } as const;
 * using block = new EmbeddingBlock(backend, parameter, { method: "tekfac", damping });
 * const first = { decay: 0, scale: 1 / 2 };
 * backend.scope(() => {
 *   block.observeStatistics(capture, first);
 *   new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
 *   block.observeEigenvalues(capture, first);
 *   const step = backend.scratch(2, 1);
 *   block.precondition(step, parameter.gradient, 0);
 *   allClose(backend.readSync(step), [1 / (5 + 0.5), 1 / 0.5], { relative: 1e-12 });
 * });
 * ```
 */
export class EmbeddingBlock extends Owner implements Block {
  readonly method: LayerBlockOptions["method"];
  readonly eigenvaluesFrom = "captures";
  readonly parameter: Parameter;
  /** Diagonal of the input factor, [V, 1]. */
  readonly inputFactor: Matrix;
  /** Directions of the output factor. */
  readonly output: FactorSide;
  /** Theta, [V, k]; with a rank also each token's total, [V, k + 1]. */
  readonly moments: Matrix;
  /** Its damping. */
  readonly damping: LayerDamping;
  readonly #backend: Backend;
  readonly #exponent: number;
  readonly #trace: Matrix;
  /** Of an example. */
  #positions = 1;
  /** Whether there are moments that a new basis must not lose. */
  #measured = false;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: LayerBlockOptions) {
    super();
    const { rows: tokens, cols: dOut } = parameter.value;
    const { method, rank = "full", exponent = 1 } = options;
    this.#backend = backend;
    this.parameter = parameter;
    this.method = method;
    this.#exponent = exponent;
    const full = rank === "full" || rank >= dOut;
    try {
      this.inputFactor = this.alloc(backend, tokens, 1);
      this.output = this.own(
        full ? new FullSide(backend, dOut) : new SketchedSide(backend, rank, dOut),
      );
      this.moments = this.alloc(backend, tokens, full ? dOut : rank + 1);
      this.#trace = this.alloc(backend, 1, 1);
      this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { inputFactor: this.inputFactor, ...this.output.state, moments: this.moments };
  }

  get sums(): Block["sums"] {
    return {
      statistics: [{ matrix: this.inputFactor }, this.output.sum],
      eigenvalues: this.#isProduct ? [] : [{ matrix: this.moments }],
    };
  }

  get solved(): boolean {
    return this.output.solved;
  }

  observeStatistics(capture: EmbeddingCapture, observation: Observation): void {
    const backend = this.#backend;
    const { tokens, outputGradients: g, examples, mask } = capture;
    this.#positions = g.rows / examples;
    const weighted = this.method === "tkfac" || this.method === "tekfac";
    const weights = backend.scratch(1, g.rows);
    if (weighted) backend.rowSquaredNorms(weights, g);
    else backend.write(weights, new Float32Array(g.rows).fill(1));
    backend.scatterRows(this.inputFactor, tokens, reshaped(weights, g.rows, 1), observation);
    // Unit vectors have length 1: PsiRaw is a sum over positions, B a mean.
    const { decay, scale } = observation;
    const locations = meanLocations(g.rows / examples, mask);
    this.output.observe(g, { decay, scale: weighted ? scale : scale / locations });
  }

  findBasis(examples: number): boolean {
    return this.output.findBasis?.(examples * this.#positions) ?? false;
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.output.beginRefresh?.(staleness, lasting) ?? [];
  }

  finishRefresh(): Renewal {
    const renewal = this.output.finishRefresh((overlap) => {
      if (this.#measured) this.#transport(overlap);
    });
    if (this.#isProduct) this.#multiply();
    return renewal;
  }

  observeEigenvalues(capture: EmbeddingCapture, observation: Observation): void {
    if (this.#isProduct) return;
    const backend = this.#backend;
    addTableMoments(backend, this.moments, capture, observation, (rows) => {
      const out = backend.scratch(rows.rows, this.moments.cols);
      const { rank } = this.output;
      backend.squares(columnsOf(out, 0, rank), this.output.project(rows));
      if (out.cols > rank) {
        const norms = backend.scratch(1, rows.rows);
        backend.rowSquaredNorms(norms, rows);
        backend.axpby(columnsOf(out, rank, rank + 1), 1, reshaped(norms, rows.rows, 1), 0);
      }
      return out;
    });
    this.#measured = true;
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.parameter.value;
    const trace = (): Trace => {
      const { moments } = this;
      const totals = this.#low ? columnsOf(moments, moments.cols - 1, moments.cols) : moments;
      this.#backend.sum(this.#trace, totals);
      return [this.#trace];
    };
    return this.damping.at(step, trace, rows * cols);
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: this.#exponent });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.power(out, x, { damping: 0, exponent: -1 });
  }

  /** `U = D(P) B + D(S - P B)` with `P = S B^T`, D the division by what belongs to each. */
  power(out: Matrix, source: Matrix, division: BlockPower): void {
    const backend = this.#backend;
    const { rank } = this.output;
    const p = this.output.project(source);
    if (this.#low) {
      const rest = backend.scratch(1, source.rows);
      backend.write(rest, new Float32Array(source.rows).fill(1));
      backend.dampedDivide(rest, rest, { ...division, eigenvalues: this.#rest() });
      backend.axpby(out, 1, source, 0);
      this.output.expand(out, p, -1, 1);
      backend.scaleRows(out, out, rest);
    }
    backend.dampedDivide(p, p, { ...division, eigenvalues: columnsOf(this.moments, 0, rank) });
    this.output.expand(out, p, 1, this.#low ? 1 : 0);
  }

  spectrum(): Matrix {
    if (!this.#low) return this.moments;
    const backend = this.#backend;
    const { rows, cols } = this.parameter.value;
    const { rank } = this.output;
    const out = backend.scratch(rows, cols);
    backend.axpby(columnsOf(out, 0, rank), 1, columnsOf(this.moments, 0, rank), 0);
    const rest = reshaped(this.#rest(), rows, 1);
    for (let j = rank; j < cols; j++) backend.axpby(columnsOf(out, j, j + 1), 1, rest, 0);
    return out;
  }

  mark(): () => void {
    const measured = this.#measured;
    const goBack = markAll([this.output, this.damping]);
    return () => {
      this.#measured = measured;
      goBack();
    };
  }

  get measured(): boolean {
    return this.#measured;
  }

  underway(): Readonly<Record<string, Matrix>> {
    return this.output.underway?.() ?? {};
  }

  resumeRefresh(): void {
    this.output.resumeRefresh?.();
  }

  restored({ solved, measured = false }: Pick<Block, "solved" | "measured">): void {
    this.#measured = measured;
    this.output.restored?.({ solved });
  }

  get #isProduct(): boolean {
    return this.method === "kfac" || this.method === "tkfac";
  }

  get #low(): boolean {
    return this.moments.cols > this.output.rank;
  }

  /** What each token's total leaves for a direction outside of the basis, [1, V]. */
  #rest(): Matrix {
    const backend = this.#backend;
    const { rows, cols } = this.moments;
    const mean = backend.scratch(1, cols);
    backend.write(mean, complementMean(cols - 1, this.parameter.value.cols));
    const out = backend.scratch(1, rows);
    backend.gemm(out, mean, this.moments, { transposeB: true });
    backend.activation("relu", out, out);
    return out;
  }

  /** Moments along the new directions of the operator that the old ones describe; its trace is kept. */
  #transport(overlap: Matrix): void {
    const backend = this.#backend;
    const { rows, cols } = this.moments;
    let move = backend.scratch(overlap.rows, overlap.cols);
    if (this.#low) move = transportOf(backend, overlap, this.parameter.value.cols);
    else backend.squares(move, overlap);
    const moved = backend.scratch(rows, cols);
    backend.gemm(moved, this.moments, move, { transposeB: true });
    backend.axpby(this.moments, 1, moved, 0);
  }

  /** `Theta_vj = a_v max(b_j, 0)`, for TKFAC divided by the trace, which is that of a. */
  #multiply(): void {
    const backend = this.#backend;
    const { values } = this.output as FullSide;
    backend.activation("relu", values, values);
    backend.gemm(this.moments, this.inputFactor, values);
    if (this.method === "kfac") return;
    backend.sum(this.#trace, this.inputFactor);
    const scale = backend.scratch(1, 1);
    backend.evaluate(inverse, { x: this.#trace }, { y: scale });
    backend.axpby(this.moments, scale, this.moments, 0);
  }
}

const inverse = formula({ x: "number" }, ({ x }) => ({ y: div(1, max(x, 1e-35)) }));
