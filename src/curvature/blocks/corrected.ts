/**
 * What EKFAC and TEKFAC share: an eigenbasis of two factors, and in it eigenvalues that are measured
 * instead of being products, `F ~ (Q_out (x) Q_in) diag(Theta) (Q_out (x) Q_in)^T`.
 *
 * @module
 */

import type { Backend, Basis, EighJob, Scalar } from "../../backend/backend.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import { markAll } from "../../core/marks.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { symmetric } from "../../distributed/packing.ts";
import { Eigenbasis, overlap, transport } from "../basis.ts";
import type { Followed, Renewal } from "../renewal.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import { observeFactors, type Statistic } from "../fisher.ts";
import type { Observation } from "../moving_average.ts";
import { nullAverage, writeKnown } from "../null_space.ts";
import {
  type Block,
  type BlockMethod,
  type BlockOptions,
  type BlockPower,
  type Eigendecomposition,
  type LentMatrices,
  Owner,
} from "./block.ts";

/** Options of the blocks with corrected eigenvalues. */
export interface CorrectedOptions extends BlockOptions {
  /** p of `(Theta + lambda)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/**
 * A block whose eigenvalues are corrected. Subclasses say what the two factors are.
 *
 * @example The eigenvalues and the basis that an optimizer has found
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { CorrectedBlock } from "@tekfac/tekfac/curvature";
 * import { gemm, identityMatrix } from "@tekfac/tekfac/linalg";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { KroneckerPreconditioner, tekfac } from "@tekfac/tekfac/optim";
 * import { allClose, download } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 * optimizer.stepSync({ inputs: [1, 2, 3, 5, 2, 2], targets: [1, 2, 0] });
 *
 * const { preconditioner } = optimizer;
 * assert(preconditioner instanceof KroneckerPreconditioner);
 * const [block] = preconditioner.estimator.blocks;
 * assert(block instanceof CorrectedBlock); // of EKFAC or TEKFAC
 * assert(backend.readSync(block.eigenvalues).every((theta) => theta >= 0));
 * const q = download(backend, block.basis.input);
 * const product = gemm(q, q, { transposeA: true });
 * allClose(product.data, identityMatrix(3).data, { absolute: 1e-12 });
 * ```
 */
export abstract class CorrectedBlock extends Owner implements Block {
  /** Name of the approximation. */
  abstract readonly method: BlockMethod;
  /** What its two factors are: of independent inputs and gradients, or such that keep the trace. */
  abstract readonly statistic: Statistic;
  readonly effectiveShare?: Matrix;
  /** What the eigenvalues are measured from. */
  readonly eigenvaluesFrom: "captures" | "gradient" = "captures";
  readonly parameter: Parameter;
  /** Factor over outputs, whose eigenvectors are the basis' left side, [dOut, dOut]. */
  readonly outputFactor: Matrix;
  /** Factor over inputs, [dIn', dIn']. */
  readonly inputFactor: Matrix;
  /** Theta, the second moments of the gradients' coordinates in the basis, [dOut, dIn']. */
  readonly eigenvalues: Matrix;
  /** The basis in force. */
  readonly basis: Eigenbasis;
  /** Its damping. */
  readonly damping: LayerDamping;
  /** Where the block lives. */
  protected readonly backend: Backend;
  readonly #exponent: number;
  /** How far each direction of the basis is decided by data, [1, dOut] and [1, dIn']. */
  readonly #known: Basis;
  /** Sum of the eigenvalues, as long as it is `#traced`. */
  readonly #trace: Matrix;
  #traced = false;
  #measured = false;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: CorrectedOptions) {
    super();
    const { rows: dOut, cols: dIn } = parameter.value;
    this.backend = backend;
    this.parameter = parameter;
    this.#exponent = options.exponent ?? 1;
    this.outputFactor = this.alloc(backend, dOut, dOut);
    this.inputFactor = this.alloc(backend, dIn, dIn);
    this.eigenvalues = this.alloc(backend, dOut, dIn);
    this.basis = this.own(new Eigenbasis(backend, dOut, dIn));
    this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
    this.#trace = this.alloc(backend, 1, 1);
    this.#known = { output: this.alloc(backend, 1, dOut), input: this.alloc(backend, 1, dIn) };
    for (const known of [this.#known.output, this.#known.input]) {
      backend.write(known, new Float64Array(known.cols).fill(1));
    }
  }

  get state(): Readonly<Record<string, Matrix>> {
    const { basis } = this;
    return {
      outputFactor: this.outputFactor,
      inputFactor: this.inputFactor,
      outputBasis: basis.output,
      inputBasis: basis.input,
      outputKnown: this.#known.output,
      inputKnown: this.#known.input,
      eigenvalues: this.eigenvalues,
    };
  }

  get sums(): Block["sums"] {
    return {
      statistics: [this.outputFactor, this.inputFactor].map(symmetric),
      eigenvalues: [{ matrix: this.eigenvalues }],
    };
  }

  get lent(): LentMatrices {
    const { output, input } = this.#known;
    return {
      statistics: [],
      eigenvalues: [this.basis.output, this.basis.input, output, input],
    };
  }

  /** Adds to both factors. */
  observeStatistics(capture: KroneckerCapture, observation: Observation): void {
    const { backend, statistic, effectiveShare } = this;
    observeFactors(backend, this, capture, statistic, observation, effectiveShare);
  }

  get solved(): boolean {
    return this.basis.solved;
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    const factors = { output: this.outputFactor, input: this.inputFactor };
    return this.basis.jobs(factors, staleness, lasting);
  }

  finishRefresh(_step: number): Renewal {
    return this.basis.adopt((from, to) => {
      const move = overlap(this.backend, from, to);
      if (this.#measured) transport(this.backend, this.eigenvalues, move);
      writeKnown(this.backend, this.#known.output, this.basis.outputValues);
      writeKnown(this.backend, this.#known.input, this.basis.inputValues);
      this.#traced = false;
    });
  }

  followRefresh(): Followed {
    return this.basis.follow();
  }

  observeEigenvalues(capture: KroneckerCapture, observation: Observation): void {
    this.#measure(observation, (theta, blend) => {
      this.backend.squaredProjection(theta, capture, this.basis, blend);
    });
  }

  /** `Theta <- decay Theta + scale N^2 (Q_out^T G Q_in)^2`: N examples, each counted N times (MATH.md, section 2). */
  observeMeanGradient(gradient: Matrix, examples: number, { decay, scale }: Observation): void {
    const coordinates = this.#coordinates(gradient);
    this.#measure({ decay, scale: scale * examples ** 2 }, (theta, blend) => {
      this.backend.squares(theta, coordinates, blend);
    });
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.eigenvalues;
    return this.damping.at(step, () => this.trace(), rows * cols);
  }

  trace(): Trace {
    if (!this.#traced) this.backend.sum(this.#trace, this.eigenvalues);
    this.#traced = true;
    return [this.#trace];
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    this.power(out, source, { damping: this.lambda(step), exponent: this.#exponent });
  }

  multiply(out: Matrix, x: Matrix): void {
    this.power(out, x, { damping: 0, exponent: -1 });
  }

  power(out: Matrix, x: Matrix, power: BlockPower): void {
    const division = { eigenvalues: this.eigenvalues, ...power };
    this.backend.rotateBack(out, this.#coordinates(x), this.basis, division);
  }

  get eigenbasis(): Eigendecomposition {
    return this;
  }

  spectrum(): Matrix {
    return this.eigenvalues;
  }

  mark(): () => void {
    const [measured, traced] = [this.#measured, this.#traced];
    const goBack = markAll([this.basis, this.damping]);
    return () => {
      [this.#measured, this.#traced] = [measured, traced];
      goBack();
    };
  }

  get measured(): boolean {
    return this.#measured;
  }

  underway(): Readonly<Record<string, Matrix>> {
    return this.basis.underway();
  }

  resumeRefresh(): void {
    this.basis.resume();
  }

  restored({ solved, measured = false }: Pick<Block, "solved" | "measured">): void {
    this.#measured = measured;
    this.#traced = false;
    this.basis.solved = solved;
  }

  /** Averages what is measured over the directions that data do not decide, and adds it to Theta. */
  #measure(
    { decay, scale }: Observation,
    measure: (theta: Matrix, blend: Observation) => void,
  ): void {
    const { backend, eigenvalues } = this;
    const { rows, cols } = eigenvalues;
    const [fresh, half] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
    measure(fresh, { decay: 0, scale });
    backend.gemm(half, nullAverage(backend, this.#known.output), fresh);
    const average = nullAverage(backend, this.#known.input);
    backend.gemm(eigenvalues, half, average, { transposeB: true, beta: decay });
    this.#measured = true;
    this.#traced = false;
  }

  /** A matrix of the parameter's shape, seen in the basis. */
  #coordinates(x: Matrix): Matrix {
    const coordinates = this.backend.scratch(x.rows, x.cols);
    this.backend.rotateInto(coordinates, x, this.basis);
    return coordinates;
  }
}
