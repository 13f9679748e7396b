/**
 * What KFAC and TKFAC share: the block is a Kronecker product of two factors, and so is its inverse.
 *
 * @module
 */

import type { Backend, Basis, EighJob, Scalar } from "../../backend/backend.ts";
import type { KroneckerCapture } from "../../core/capture.ts";
import { markAll } from "../../core/marks.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { symmetric } from "../../distributed/packing.ts";
import { Eigenbasis } from "../basis.ts";
import type { Followed, Renewal } from "../renewal.ts";
import { LayerDamping, type Trace } from "../layer_damping.ts";
import { FactorInverses, type FactorShifts } from "../inverse.ts";
import type { InverseJob } from "../refresh_job.ts";
import { observeFactors, type Statistic } from "../fisher.ts";
import type { Observation } from "../moving_average.ts";
import {
  type Block,
  type BlockMethod,
  type BlockOptions,
  type BlockPower,
  type Eigendecomposition,
  type LentMatrices,
  Owner,
} from "./block.ts";

/** Options of the blocks that are Kronecker products. */
export interface FactoredOptions extends BlockOptions {
  /**
   * Where the damping goes: `factored` adds its root to each factor, so that two Cholesky inverses do
   * (as in the papers; the inverses are renewed when the basis is due); `exact` adds it to the products
   * of eigenvalues, which takes eigenvectors. @default {"factored"}
   */
  readonly split?: "factored" | "exact";
}

/**
 * A block that is a product of two factors. Subclasses say which, and how damping is split.
 *
 * @example The factors that an optimizer has found
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { FactoredBlock } from "@tekfac/tekfac/curvature";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { kfac, KroneckerPreconditioner } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
 * using optimizer = kfac(objective(model, squaredError()));
 * optimizer.stepSync({ inputs: [1, 3], targets: [1, 2] });
 *
 * const { preconditioner } = optimizer;
 * assert(preconditioner instanceof KroneckerPreconditioner);
 * const [block] = preconditioner.estimator.blocks;
 * assert(block instanceof FactoredBlock); // of KFAC or TKFAC
 * const inputs = [...backend.readSync(block.inputFactor)];
 * assert.deepEqual(inputs, [5, 2, 2, 1]); // means of x^2, x 1 and 1 1 over x = 1 and x = 3
 * ```
 */
export abstract class FactoredBlock extends Owner implements Block {
  /** Name of the approximation. */
  abstract readonly method: BlockMethod;
  /** What its two factors are: of independent inputs and gradients, or such that keep the trace. */
  abstract readonly statistic: Statistic;
  readonly effectiveShare?: Matrix;
  readonly parameter: Parameter;
  /** Factor over outputs, [dOut, dOut]. */
  readonly outputFactor: Matrix;
  /** Factor over inputs, [dIn', dIn']. */
  readonly inputFactor: Matrix;
  /** Its damping. */
  readonly damping: LayerDamping;
  /** Where the block lives. */
  protected readonly backend: Backend;
  /** Exactly one of the two exists. */
  readonly #inverses: FactorInverses | undefined;
  readonly #exact: { readonly basis: Eigenbasis; readonly eigenvalues: Matrix } | undefined;

  /** Allocates the block of one parameter. The caller disposes it. */
  constructor(backend: Backend, parameter: Parameter, options: FactoredOptions) {
    super();
    const { rows: dOut, cols: dIn } = parameter.value;
    this.backend = backend;
    this.parameter = parameter;
    this.outputFactor = this.alloc(backend, dOut, dOut);
    this.inputFactor = this.alloc(backend, dIn, dIn);
    this.damping = this.own(new LayerDamping(backend, parameter.layer, options));
    if (options.split === "exact") {
      const basis = this.own(new Eigenbasis(backend, dOut, dIn));
      this.#exact = { basis, eigenvalues: this.alloc(backend, dOut, dIn) };
    } else {
      this.#inverses = this.own(new FactorInverses(backend, dOut, dIn));
    }
  }

  get state(): Readonly<Record<string, Matrix>> {
    const factors = { outputFactor: this.outputFactor, inputFactor: this.inputFactor };
    if (this.#exact === undefined) {
      const { output, input } = this.#inverses!;
      return { ...factors, outputInverse: output, inputInverse: input };
    }
    const { basis, eigenvalues } = this.#exact;
    return { ...factors, outputBasis: basis.output, inputBasis: basis.input, eigenvalues };
  }

  get sums(): Block["sums"] {
    return { statistics: [this.outputFactor, this.inputFactor].map(symmetric), eigenvalues: [] };
  }

  /** What is observed is seen in no basis. */
  get lent(): LentMatrices {
    return { statistics: [], eigenvalues: [] };
  }

  /** Adds to both factors. */
  observeStatistics(capture: KroneckerCapture, observation: Observation): void {
    const { backend, statistic, effectiveShare } = this;
    observeFactors(backend, this, capture, statistic, observation, effectiveShare);
  }

  abstract trace(): Trace;

  /** How each factor is scaled and shifted when lambda is split over them. */
  protected abstract shifts(lambda: Scalar): FactorShifts;

  /** What the product of the factors has to be multiplied with to be the block. */
  protected abstract productScale(): Scalar;

  /** An inverse is quick to renew, so that none ever has to stand in. */
  get solved(): boolean {
    return this.#exact?.basis.solved ?? false;
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.#exact?.basis.jobs(this.#factors(), staleness, lasting) ?? [];
  }

  beginInverses(step: number): readonly InverseJob[] {
    if (this.#inverses === undefined) return [];
    const shifts = this.shifts(this.lambda(step));
    return this.#inverses.jobs(this.outputFactor, this.inputFactor, shifts);
  }

  finishRefresh(_step: number): Renewal {
    if (this.#inverses !== undefined) return this.#inverses.renewal;
    const { basis, eigenvalues } = this.#exact!;
    const renewal = basis.adopt(() => {});
    this.#products(basis, eigenvalues);
    return renewal;
  }

  followRefresh(step: number): Followed {
    if (this.#inverses === undefined) return this.#exact!.basis.follow();
    this.lambda(step);
    return { renewal: this.#inverses.renewal, follow: () => {} };
  }

  /** Inverses have it inside. */
  get lambdaOfRefresh(): boolean {
    return this.#inverses !== undefined;
  }

  lambda(step: number): Scalar {
    const sides = [this.outputFactor.rows, this.inputFactor.rows];
    return this.damping.at(step, () => this.trace(), sides[0] * sides[1], sides);
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    if (this.#inverses !== undefined) return this.#inverses.apply(out, source);
    this.power(out, source, { damping: this.lambda(step), exponent: 1 });
  }

  /** Where damping is split over the factors, it costs their eigenvectors each time. */
  power(out: Matrix, x: Matrix, power: BlockPower): void {
    this.#decomposed(({ basis, eigenvalues }) => {
      const coordinates = this.backend.scratch(x.rows, x.cols);
      this.backend.rotateInto(coordinates, x, basis);
      this.backend.rotateBack(out, coordinates, basis, { eigenvalues, ...power });
    });
  }

  /** Kept with `split: "exact"` alone. */
  get eigenbasis(): Eigendecomposition | undefined {
    return this.#exact;
  }

  multiply(out: Matrix, x: Matrix): void {
    const { backend } = this;
    const half = backend.scratch(x.rows, x.cols);
    backend.gemm(half, this.outputFactor, x);
    backend.gemm(out, half, this.inputFactor);
    backend.axpby(out, this.productScale(), out, 0);
  }

  spectrum(): Matrix {
    return this.#decomposed(({ eigenvalues }) => eigenvalues);
  }

  /** With the eigenvectors of the factors, which last until `body` returns. */
  #decomposed<T>(body: (exact: { basis: Eigenbasis; eigenvalues: Matrix }) => T): T {
    if (this.#exact !== undefined) return body(this.#exact);
    const { backend, outputFactor, inputFactor } = this;
    const basis = new Eigenbasis(backend, outputFactor.rows, inputFactor.rows);
    try {
      backend.eigh(basis.jobs(this.#factors(), 0));
      basis.adopt(() => {});
      const eigenvalues = backend.scratch(outputFactor.rows, inputFactor.rows);
      this.#products(basis, eigenvalues);
      return body({ basis, eigenvalues });
    } finally {
      basis[Symbol.dispose]();
    }
  }

  mark(): () => void {
    return markAll([this.#exact?.basis, this.damping]);
  }

  underway(): Readonly<Record<string, Matrix>> {
    return this.#exact?.basis.underway() ?? {};
  }

  resumeRefresh(): void {
    this.#exact?.basis.resume();
  }

  restored({ solved }: Pick<Block, "solved">): void {
    if (this.#exact !== undefined) this.#exact.basis.solved = solved;
  }

  #factors(): Basis {
    return { output: this.outputFactor, input: this.inputFactor };
  }

  /** `Theta_ij = c max(b_i, 0) max(a_j, 0)`: rounding may leave eigenvalues just below zero. */
  #products(basis: Eigenbasis, out: Matrix): void {
    const { backend } = this;
    const { outputValues, inputValues } = basis;
    backend.activation("relu", outputValues, outputValues);
    backend.activation("relu", inputValues, inputValues);
    backend.gemm(out, outputValues, inputValues, { transposeA: true });
    backend.axpby(out, this.productScale(), out, 0);
  }
}
