/**
 * The damped inverses of a layer's two factors, for approximations that need no eigenvectors.
 *
 * @module
 */

import type { Backend, Scalar } from "../backend/backend.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../core/matrix.ts";
import type { InverseJob } from "./refresh_job.ts";
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

/**
 * `(scale_B B + shift_B I)^-1` and `(scale_A A + shift_A I)^-1`. Starts as the identity.
 *
 * @example (B + I)^-1 X (A + I)^-1
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using b = upload(backend, denseMatrix(1, 1, [1]));
 * using a = upload(backend, denseMatrix(2, 2, [2, 1, 1, 2]));
 * using x = upload(backend, denseMatrix(1, 2, [8, 0]));
 * using inverses = new FactorInverses(backend, 1, 2);
 * const shifts = { outputScale: 1, outputShift: 1, inputScale: 1, inputShift: 1 };
 * for (const { inverse, matrix, scale, shift, status } of inverses.jobs(b, a, shifts)) {
 *   backend.choleskyInverse(inverse, matrix, scale, shift, status);
 * }
 * const { status, outcome } = inverses.renewal;
 * const { how } = outcome(backend.readSync(status));
 * assert.deepEqual(how, ["cholesky", "cholesky"]);
 * backend.scope(() => inverses.apply(x, x));
 * allClose(backend.readSync(x), [1.5, -0.5], { relative: 1e-12 });
 * ```
 */
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

  /** The last refresh, once its {@linkcode FactorInverses.jobs} are done. */
  get renewal(): Renewal {
    return {
      status: this.#status,
      outcome: ({ 0: output, 1: input }) => ({
        how: [output, input].map((ok) => ok === 1 ? "cholesky" : "failed"),
      }),
    };
  }

  /** What inverts anew. An inverse whose factor is not positive definite or not finite stays as it was. */
  jobs(outputFactor: Matrix, inputFactor: Matrix, shifts: FactorShifts): readonly InverseJob[] {
    const { outputScale, outputShift, inputScale, inputShift } = shifts;
    const [output, input] = [0, 1].map((index) => columnsOf(this.#status, index, index + 1));
    return [
      {
        ...{ inverse: this.output, matrix: outputFactor, status: output },
        ...{ scale: outputScale, shift: outputShift },
      },
      {
        ...{ inverse: this.input, matrix: inputFactor, status: input },
        ...{ scale: inputScale, shift: inputShift },
      },
    ];
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
