/**
 * The Kronecker-factored eigenbasis of a layer, and how what lives in it is carried over when it moves.
 *
 * @module
 */

import type { Backend, Basis, EighJob } from "../backend/backend.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { FactorBases } from "./factor_bases.ts";
import type { Followed, Renewal } from "./renewal.ts";

/**
 * Eigenvectors and eigenvalues of the two factors of one layer. Starts as the identity.
 *
 * @example Solved from two factors
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { Eigenbasis } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using output = upload(backend, denseMatrix(1, 1, [5]));
 * using input = upload(backend, denseMatrix(2, 2, [2, 1, 1, 2]));
 * using basis = new Eigenbasis(backend, 1, 2);
 * backend.scope(() => {
 *   backend.eigh(basis.jobs({ output, input }, 0));
 *   basis.adopt(() => {}); // nothing has to be carried over yet
 * });
 * allClose(backend.readSync(basis.outputValues), [5], { relative: 1e-12 });
 * allClose(backend.readSync(basis.inputValues).sort(), [1, 3], { relative: 1e-12 });
 * ```
 */
export class Eigenbasis implements Basis, Disposable {
  /** Columns are eigenvectors of the output factor, [dOut, dOut]. */
  readonly output: OwnedMatrix;
  /** Columns are eigenvectors of the input factor, [dIn', dIn']. */
  readonly input: OwnedMatrix;
  /** Eigenvalues of the output factor, [1, dOut]. */
  readonly outputValues: OwnedMatrix;
  /** Eigenvalues of the input factor, [1, dIn']. */
  readonly inputValues: OwnedMatrix;
  readonly #bases: FactorBases;

  /** Allocates the basis of a layer with weights [dOut, dIn']. The caller disposes it. */
  constructor(backend: Backend, dOut: number, dIn: number) {
    this.#bases = new FactorBases(backend, [dOut, dIn]);
    [this.output, this.input] = this.#bases.vectors;
    [this.outputValues, this.inputValues] = this.#bases.values;
  }

  /** Whether a decomposition has ever succeeded. */
  get solved(): boolean {
    return this.#bases.solved;
  }

  /** Set where a basis comes from a checkpoint. */
  set solved(solved: boolean) {
    this.#bases.solved = solved;
  }

  /** The two eigenproblems of a refresh; see {@linkcode FactorBases.jobs}. */
  jobs(factors: Basis, staleness: number, lasting = false): readonly EighJob[] {
    return this.#bases.jobs([factors.output, factors.input], staleness, lasting);
  }

  /** Takes over the solved basis; see {@linkcode FactorBases.adopt}. */
  adopt(carry: (from: Basis, to: Basis) => void): Renewal {
    const basis = ([output, input]: readonly Matrix[]): Basis => ({ output, input });
    return this.#bases.adopt((from, to) => carry(basis(from), basis(to)));
  }

  /** See {@linkcode FactorBases.follow}. */
  follow(): Followed {
    return this.#bases.follow();
  }

  /** See {@linkcode FactorBases.underway}. */
  underway(): Readonly<Record<string, Matrix>> {
    return this.#bases.underway(["output", "input"]);
  }

  /** See {@linkcode FactorBases.resume}. */
  resume(): void {
    this.#bases.resume();
  }

  /** Notes all that is no matrix; the result puts it back. */
  mark(): () => void {
    return this.#bases.mark();
  }

  /** Gives all matrices back. */
  [Symbol.dispose](): void {
    this.#bases[Symbol.dispose]();
  }
}

/**
 * `R = Qnew^T Qold` of each side: how a basis moves. In scratch memory. A side that is missing in both
 * keeps its coordinates.
 */
export function overlap(
  backend: Backend,
  from: Partial<Basis>,
  to: Partial<Basis>,
): Partial<Basis> {
  return eachSide(to, (fresh, side) => {
    const out = backend.scratch(fresh.rows, fresh.rows);
    backend.gemm(out, fresh, from[side]!, { transposeA: true });
    return out;
  });
}

/**
 * Carries eigenvalues over to a new basis: `Theta <- (R_out o R_out) Theta (R_in o R_in)^T`. This is the
 * exact diagonal of the old approximation in the new basis; `R o R` is doubly stochastic, so the trace
 * is kept, and signs and order of the eigenvectors need no care.
 *
 * @param move The {@linkcode overlap} of the two bases.
 *
 * @example Exchanging two eigenvectors exchanges their eigenvalues
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { overlap, transport } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using theta = upload(backend, denseMatrix(1, 2, [5, 7]));
 * using from = upload(backend, denseMatrix(2, 2, [1, 0, 0, 1]));
 * using to = upload(backend, denseMatrix(2, 2, [0, -1, 1, 0]));
 * backend.scope(() => transport(backend, theta, overlap(backend, { input: from }, { input: to })));
 * assert.deepEqual([...backend.readSync(theta)], [7, 5]);
 * ```
 */
export function transport(backend: Backend, theta: Matrix, move: Partial<Basis>): void {
  const squared = eachSide(move, (overlap) => {
    const out = backend.scratch(overlap.rows, overlap.rows);
    backend.squares(out, overlap);
    return out;
  });
  reframe(backend, theta, squared);
}

/** Carries a matrix that is stored in a basis over to another: `X <- R_out X R_in^T`. */
export function reframe(backend: Backend, x: Matrix, { output, input }: Partial<Basis>): void {
  let half = x;
  if (output !== undefined) {
    half = backend.scratch(x.rows, x.cols);
    backend.gemm(half, output, x);
  }
  if (input === undefined) {
    if (half !== x) backend.axpby(x, 1, half, 0);
    return;
  }
  if (half === x) {
    half = backend.scratch(x.rows, x.cols);
    backend.axpby(half, 1, x, 0);
  }
  backend.gemm(x, half, input, { transposeB: true });
}

function eachSide(
  { output, input }: Partial<Basis>,
  f: (matrix: Matrix, side: keyof Basis) => Matrix,
): Partial<Basis> {
  return {
    ...(output === undefined ? {} : { output: f(output, "output") }),
    ...(input === undefined ? {} : { input: f(input, "input") }),
  };
}
