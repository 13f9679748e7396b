/**
 * What EKFAC and TEKFAC share: an eigenbasis of two factors, and in it eigenvalues that are measured
 * instead of being products, `F ~ (Q_out (x) Q_in) diag(Theta) (Q_out (x) Q_in)^T`.
 *
 * @module
 */

import type { Backend, EighJob, Scalar } from "../../backend/backend.ts";
import type { Capture } from "../../core/capture.ts";
import type { Matrix } from "../../core/matrix.ts";
import type { Parameter } from "../../core/parameter.ts";
import { Eigenbasis, type Refresh } from "../basis.ts";
import { LayerDamping } from "../damping.ts";
import type { Observation } from "../moving_average.ts";
import { type Block, type BlockMethod, type BlockOptions, Owner } from "./block.ts";

/** Options of the blocks with corrected eigenvalues. */
export interface CorrectedOptions extends BlockOptions {
  /** p of `(Theta + lambda)^-p`; 1 is the natural gradient. @default {1} */
  readonly exponent?: number;
}

/** A block whose eigenvalues are corrected. Subclasses say what the two factors are. */
export abstract class CorrectedBlock extends Owner implements Block {
  /** Name of the approximation. */
  abstract readonly method: BlockMethod;
  /** Where the eigenvalues are measured. */
  abstract readonly eigenvaluesFrom: "captures" | "gradient";
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
  readonly #trace: Matrix;
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
    this.damping = this.own(new LayerDamping(backend, options.damping));
    this.#trace = this.alloc(backend, 1, 1);
  }

  get state(): Readonly<Record<string, Matrix>> {
    const { basis } = this;
    return {
      outputFactor: this.outputFactor,
      inputFactor: this.inputFactor,
      outputBasis: basis.output,
      inputBasis: basis.input,
      eigenvalues: this.eigenvalues,
    };
  }

  abstract observeStatistics(capture: Capture, observation: Observation): void;

  beginRefresh(staleness: number): readonly EighJob[] {
    return this.basis.jobs(this.outputFactor, this.inputFactor, staleness);
  }

  finishRefresh(_step: number): Refresh {
    return this.basis.adopt(this.#measured ? this.eigenvalues : undefined);
  }

  observeEigenvalues(capture: Capture, observation: Observation): void {
    this.backend.squaredProjection(this.eigenvalues, capture, this.basis, observation);
    this.#measured = true;
  }

  /** `Theta <- decay Theta + scale N^2 (Q_out^T G Q_in)^2`: N examples, each counted N times (MATH.md, section 2). */
  observeMeanGradient(gradient: Matrix, examples: number, { decay, scale }: Observation): void {
    const coordinates = this.backend.scratch(gradient.rows, gradient.cols);
    this.backend.rotateInto(coordinates, gradient, this.basis);
    this.backend.squares(this.eigenvalues, coordinates, { decay, scale: scale * examples ** 2 });
    this.#measured = true;
  }

  lambda(step: number): Scalar {
    const { rows, cols } = this.eigenvalues;
    const trace = (): Matrix[] => {
      this.backend.sum(this.#trace, this.eigenvalues);
      return [this.#trace];
    };
    return this.damping.at(step, trace, 1 / (rows * cols));
  }

  precondition(out: Matrix, source: Matrix, step: number): void {
    const coordinates = this.backend.scratch(source.rows, source.cols);
    this.backend.rotateInto(coordinates, source, this.basis);
    this.backend.rotateBack(out, coordinates, this.basis, {
      eigenvalues: this.eigenvalues,
      damping: this.lambda(step),
      exponent: this.#exponent,
    });
  }

  spectrum(): Matrix {
    return this.eigenvalues;
  }

  restored(): void {
    this.#measured = true;
    this.basis.solved = true;
  }
}
