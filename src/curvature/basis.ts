/**
 * The Kronecker-factored eigenbasis of a layer: eigenvectors of its output and its input factor, how
 * they are refreshed, and how eigenvalues are carried over when they move.
 *
 * @module
 */

import { type Backend, type Basis, type EighJob, EighStatus } from "../backend/backend.ts";
import { type Matrix, type OwnedMatrix, reshaped } from "../core/matrix.ts";
import { identity } from "./identity.ts";

/** What a refresh of a layer's basis (or inverse) came to. */
export interface Refresh {
  /** How the output and the input factor were treated; `"cholesky"` where inverses are kept. */
  readonly how: readonly (keyof typeof EighStatus | "cholesky")[];
  /**
   * Largest off-diagonal share of the previous basis: how stale it was. `undefined` where it was not
   * measured: for a cold start, and, unless `staleness` is above 0, for matrices so large that measuring
   * it would cost half as much as solving them.
   */
  readonly offDiagonalShare?: number;
}

/** A refresh whose outcome is still where it was computed, so that nobody has to wait for it. */
export interface Renewal {
  /** The status numbers, [1, 6] or [1, 2]. Overwritten by the next refresh. */
  readonly status: Matrix;
  /** What the numbers mean. */
  outcome(status: ArrayLike<number>): Refresh;
}

/** True when a factor could not be decomposed, so that the last good basis is still in force. */
export function hasFailed(refresh: Refresh): boolean {
  return refresh.how.includes("failed");
}

/** Eigenvectors and eigenvalues of the two factors of one layer. Starts as the identity. */
export class Eigenbasis implements Basis, Disposable {
  /** Columns are eigenvectors of the output factor, [dOut, dOut]. */
  readonly output: OwnedMatrix;
  /** Columns are eigenvectors of the input factor, [dIn', dIn']. */
  readonly input: OwnedMatrix;
  /** Eigenvalues of the output factor, [1, dOut]. */
  readonly outputValues: OwnedMatrix;
  /** Eigenvalues of the input factor, [1, dIn']. */
  readonly inputValues: OwnedMatrix;
  /** Whether a decomposition has ever succeeded. */
  solved = false;
  readonly #backend: Backend;
  readonly #status: OwnedMatrix;
  #fresh: Basis | undefined;
  /** Room for problems that outlive a scope; empty until there is one. */
  readonly #lasting: OwnedMatrix[] = [];

  /** Allocates the basis of a layer with weights [dOut, dIn']. The caller disposes it. */
  constructor(backend: Backend, dOut: number, dIn: number) {
    this.#backend = backend;
    this.output = identity(backend, dOut);
    this.input = identity(backend, dIn);
    this.outputValues = backend.alloc(1, dOut);
    this.inputValues = backend.alloc(1, dIn);
    this.#status = backend.alloc(2, 3);
  }

  /**
   * The two eigenproblems of a refresh, to be solved together with those of other layers.
   *
   * @param factors The output and the input factor.
   * @param staleness The basis stands while its off-diagonal share is at most this; 0 always solves.
   * @param lasting Whether the problems outlive the scope: they then work on copies of the factors. Else
   * results go to scratch memory, and {@linkcode Eigenbasis.adopt} must be called in the same scope.
   */
  jobs(factors: Basis, staleness: number, lasting = false): readonly EighJob[] {
    const place = lasting ? this.#lastingPlace(factors) : {
      matrices: factors,
      vectors: {
        output: this.#backend.scratch(factors.output.rows, factors.output.rows),
        input: this.#backend.scratch(factors.input.rows, factors.input.rows),
      },
    };
    this.#fresh = place.vectors;
    const job = (side: "output" | "input"): EighJob => ({
      matrix: place.matrices[side],
      vectors: place.vectors[side],
      values: side === "output" ? this.outputValues : this.inputValues,
      // The identity of a beginning is no basis that could stand, however little it misses.
      staleness: this.solved ? staleness : 0,
      status: statusRow(this.#status, side === "output" ? 0 : 1),
      // Where nobody waits for the status, a failure has to leave the basis in force by itself.
      ...(this.solved || !this.#backend.sync ? { previous: this[side] } : {}),
    });
    return [job("output"), job("input")];
  }

  /** Copies of the factors and room for the vectors, owned. */
  #lastingPlace(factors: Basis): { readonly matrices: Basis; readonly vectors: Basis } {
    const backend = this.#backend;
    const like = ({ rows }: Matrix): OwnedMatrix => {
      const matrix = backend.alloc(rows, rows);
      this.#lasting.push(matrix);
      return matrix;
    };
    if (this.#lasting.length === 0) {
      for (let i = 0; i < 2; i++) {
        like(factors.output);
        like(factors.input);
      }
    }
    const [output, input, outputVectors, inputVectors] = this.#lasting;
    backend.axpby(output, 1, factors.output, 0);
    backend.axpby(input, 1, factors.input, 0);
    return { matrices: { output, input }, vectors: { output: outputVectors, input: inputVectors } };
  }

  /**
   * Takes over the solved basis. Where a factor failed, the old eigenvectors stay in force.
   *
   * @param carry Called when the basis moves, while both bases exist: carries over what lives in it.
   * Where reading back would mean waiting, it is called without asking whether anything has moved.
   */
  adopt(carry: (from: Basis, to: Basis) => void): Renewal {
    const backend = this.#backend;
    const fresh = this.#fresh!;
    this.#fresh = undefined;
    const renewal = { status: reshaped(this.#status, 1, 6), outcome: outcomeOf };
    const { how } = backend.sync
      ? outcomeOf(backend.readSync(renewal.status))
      : { how: ["jacobi", "jacobi"] };
    // A first decomposition that failed has no earlier basis to fall back on: the identity stands.
    const next: Basis = {
      output: how[0] === "failed" ? this.output : fresh.output,
      input: how[1] === "failed" ? this.input : fresh.input,
    };
    if (how.some((h) => h !== "failed" && h !== "kept")) {
      carry(this, next);
      if (next.output !== this.output) backend.axpby(this.output, 1, next.output, 0);
      if (next.input !== this.input) backend.axpby(this.input, 1, next.input, 0);
      this.solved = true;
    }
    return renewal;
  }

  /** Gives all matrices back. */
  [Symbol.dispose](): void {
    const all = [this.output, this.input, this.outputValues, this.inputValues, this.#status];
    for (const matrix of [...all, ...this.#lasting]) matrix[Symbol.dispose]();
  }
}

/** `R = Qnew^T Qold` of both sides: how a basis moves. In scratch memory. */
export function overlap(backend: Backend, from: Basis, to: Basis): Basis {
  const side = (old: Matrix, fresh: Matrix): Matrix => {
    const out = backend.scratch(old.rows, old.rows);
    backend.gemm(out, fresh, old, { transposeA: true });
    return out;
  };
  return { output: side(from.output, to.output), input: side(from.input, to.input) };
}

/**
 * Carries eigenvalues over to a new basis: `Theta <- (R_out o R_out) Theta (R_in o R_in)^T`. This is the
 * exact diagonal of the old approximation in the new basis; `R o R` is doubly stochastic, so the trace
 * is kept, and signs and order of the eigenvectors need no care.
 *
 * @param move The {@linkcode overlap} of the two bases.
 */
export function transport(backend: Backend, theta: Matrix, move: Basis): void {
  const squared = (overlap: Matrix): Matrix => {
    const out = backend.scratch(overlap.rows, overlap.rows);
    backend.squares(out, overlap);
    return out;
  };
  reframe(backend, theta, { output: squared(move.output), input: squared(move.input) });
}

/** Carries a matrix that is stored in a basis over to another: `X <- R_out X R_in^T`. */
export function reframe(backend: Backend, x: Matrix, move: Basis): void {
  const half = backend.scratch(x.rows, x.cols);
  backend.gemm(half, move.output, x);
  backend.gemm(x, half, move.input, { transposeB: true });
}

function outcomeOf(status: ArrayLike<number>): Refresh {
  const how = [EighStatus[status[0]], EighStatus[status[3]]] as (keyof typeof EighStatus)[];
  const share = Math.max(status[1], status[4]);
  return share < 0 ? { how } : { how, offDiagonalShare: share };
}

function statusRow(status: Matrix, row: number): Matrix {
  return { ...status, offset: status.offset + 3 * row, rows: 1 };
}
