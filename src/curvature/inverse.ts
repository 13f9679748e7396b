/**
 * The damped inverses of a layer's two factors, for approximations that need no eigenvectors.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Renewal } from "./renewal.ts";
import { identity } from "./identity.ts";

/** The matrices to be inverted: `scale X + shift I` for each factor X. */
export interface FactorShifts {
  /** Factor of the output factor. */
  readonly outputScale: Scalar;
  /** Added to the output factor's diagonal. */
  readonly outputShift: Scalar;
  /** Factor of the input factor. */
  readonly inputScale: Scalar;
  /** Added to the input factor's diagonal. */
  readonly inputShift: Scalar;
}

/** `(scale_B B + shift_B I)^-1` and `(scale_A A + shift_A I)^-1`. Starts as the identity. */
export class FactorInverses implements Disposable {
  /** Inverse of the damped output factor, [dOut, dOut]. */
  readonly output: OwnedMatrix;
  /** Inverse of the damped input factor, [dIn', dIn']. */
  readonly input: OwnedMatrix;
  readonly #backend: Backend;
  readonly #status: OwnedMatrix;

  /** Allocates the inverses of a layer with weights [dOut, dIn']. The caller disposes them. */
  constructor(backend: Backend, dOut: number, dIn: number) {
    this.#backend = backend;
    this.output = identity(backend, dOut);
    this.input = identity(backend, dIn);
    this.#status = backend.alloc(1, 2);
  }

  /** Inverts anew. An inverse whose factor is not positive definite or not finite stays as it was. */
  refresh(outputFactor: Matrix, inputFactor: Matrix, shifts: FactorShifts): Renewal {
    const backend = this.#backend, status = this.#status;
    const word = (index: number): Matrix => ({ ...status, offset: status.offset + index, cols: 1 });
    const { outputScale, outputShift, inputScale, inputShift } = shifts;
    backend.choleskyInverse(this.output, outputFactor, outputScale, outputShift, word(0));
    backend.choleskyInverse(this.input, inputFactor, inputScale, inputShift, word(1));
    return {
      status,
      outcome: ({ 0: output, 1: input }) => ({
        how: [output, input].map((ok) => ok === 1 ? "cholesky" : "failed"),
      }),
    };
  }

  /** `out = outputInverse source inputInverse`. */
  apply(out: Matrix, source: Matrix): void {
    const half = this.#backend.scratch(source.rows, source.cols);
    this.#backend.gemm(half, this.output, source);
    this.#backend.gemm(out, half, this.input);
  }

  /** Gives all matrices back. */
  [Symbol.dispose](): void {
    for (const matrix of [this.output, this.input, this.#status]) matrix[Symbol.dispose]();
  }
}
