/**
 * Eigenvectors of the factors of one layer, renewed together: two of them for a Kronecker product, one
 * where the other side is too large.
 *
 * @module
 */

import { type Backend, type EighJob, EighStatus } from "../backend/backend.ts";
import { readAtOnce } from "../backend/read_at_once.ts";
import { awayMatrix, isAway } from "../core/away.ts";
import { type Matrix, type OwnedMatrix, reshaped } from "../core/matrix.ts";
import { identity } from "./identity.ts";
import type { Followed, Refresh, Renewal } from "./renewal.ts";

/**
 * Eigenvectors and eigenvalues of a layer's factors. Start as identities.
 *
 * @example The eigenvalues of a single factor
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { FactorBases } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using factor = upload(backend, denseMatrix(2, 2, [2, 1, 1, 2]));
 * using bases = new FactorBases(backend, [2]);
 * assert.equal(bases.solved, false); // the identity, so far
 * backend.scope(() => {
 *   backend.eigh(bases.jobs([factor], 0, false));
 *   bases.adopt(() => {});
 * });
 * assert(bases.solved);
 * allClose(backend.readSync(bases.values[0]).sort(), [1, 3], { relative: 1e-12 });
 * ```
 */
export class FactorBases implements Disposable {
  /** Columns are eigenvectors; one orthogonal matrix per factor. */
  readonly vectors: readonly OwnedMatrix[];
  /** Eigenvalues of each factor, [1, n]. */
  readonly values: readonly OwnedMatrix[];
  /** Whether a decomposition has ever succeeded. */
  solved = false;
  readonly #backend: Backend;
  readonly #status: OwnedMatrix;
  #fresh: readonly Matrix[] | undefined;
  /** Room for problems that outlive a scope; empty until there is one. */
  readonly #lasting: { readonly matrix: OwnedMatrix; readonly vectors: OwnedMatrix }[] = [];

  /** Allocates bases of these sizes. The caller disposes them. */
  constructor(backend: Backend, sizes: readonly number[]) {
    this.#backend = backend;
    this.vectors = sizes.map((size) => identity(backend, size));
    this.values = sizes.map((size) => backend.alloc(1, size));
    this.#status = backend.alloc(sizes.length, 3);
  }

  /**
   * The eigenproblems of a refresh, to be solved together with those of other layers.
   *
   * @param factors One per basis.
   * @param staleness A basis stands while its off-diagonal share is at most this; 0 always solves.
   * @param lasting Whether the problems outlive the scope: they then work on copies of the factors. Else
   * results go to scratch memory, and {@linkcode FactorBases.adopt} must be called in the same scope.
   */
  jobs(factors: readonly Matrix[], staleness: number, lasting: boolean): readonly EighJob[] {
    const places = lasting ? this.#lastingPlaces(factors) : factors.map((matrix) => ({
      matrix,
      vectors: this.#backend.scratch(matrix.rows, matrix.rows),
    }));
    this.#fresh = places.map(({ vectors }) => vectors);
    return places.map(({ matrix, vectors }, i) => {
      const place = { matrix, vectors, values: this.values[i], status: this.#statusOf(i) };
      if (this.solved) return { ...place, staleness, previous: this.vectors[i] };
      // The identity of a beginning is no basis to start from. It is what a failure leaves, where nobody waits to see.
      this.#backend.axpby(vectors, 1, this.vectors[i], 0);
      return place;
    });
  }

  /**
   * Takes over what was solved. Where a factor failed, the old eigenvectors stay in force.
   *
   * @param carry Called when a basis moves, while the old and the new ones exist: carries over what lives
   * in them. Where reading back would mean waiting, it is called without asking whether one has moved.
   */
  adopt(carry: (from: readonly Matrix[], to: readonly Matrix[]) => void): Renewal {
    const backend = this.#backend;
    const fresh = this.#fresh!;
    this.#fresh = undefined;
    const outcome = (status: ArrayLike<number>) => outcomeOf(status, fresh.length);
    const renewal = { status: reshaped(this.#status, 1, 3 * fresh.length), outcome };
    const status = readAtOnce(backend, renewal.status);
    const how = status === undefined ? fresh.map(() => "jacobi") : outcome(status).how;
    // One that failed is what it was: nothing has been written over what stood.
    if (how.some((h) => h !== "failed" && h !== "kept")) {
      carry(this.vectors, fresh);
      fresh.forEach((matrix, i) => backend.axpby(this.vectors[i], 1, matrix, 0));
      this.solved = true;
    }
    return renewal;
  }

  /** The renewal of bases that are kept elsewhere. */
  follow(): Followed {
    const renewal = renewalOf(reshaped(this.#status, 1, 3 * this.vectors.length));
    const follow = (): void => {
      const { how } = renewal.outcome(this.#backend.readSync(renewal.status));
      if (how.some((h) => h !== "failed" && h !== "kept")) this.solved = true;
    };
    return { renewal, follow };
  }

  /**
   * What problems that outlive a scope leave, by name; for checkpoints. Makes room for it where there is none.
   *
   * @param sides Names of the factors, such as `output` and `input`.
   */
  underway(sides: readonly string[]): Readonly<Record<string, Matrix>> {
    const places = this.#room();
    const bases = sides.flatMap((side, i): [string, Matrix][] => [
      [`${side}NextBasis`, places[i].vectors],
      [`${side}NextValues`, this.values[i]],
    ]);
    return Object.fromEntries([...bases, ["nextStatus", this.#status]]);
  }

  /** What {@linkcode FactorBases.underway} holds is to be adopted. */
  resume(): void {
    this.#fresh = this.#room().map(({ vectors }) => vectors);
  }

  /** Notes whether there are bases, and where new ones are solved; the result puts it back. */
  mark(): () => void {
    const { solved } = this;
    const fresh = this.#fresh;
    return () => {
      this.solved = solved;
      this.#fresh = fresh;
    };
  }

  /** Gives all matrices back. */
  [Symbol.dispose](): void {
    const lasting = this.#lasting.flatMap(({ matrix, vectors }) => [matrix, vectors]);
    for (const matrix of [...this.vectors, ...this.values, this.#status, ...lasting]) {
      matrix[Symbol.dispose]();
    }
  }

  /** Copies of the factors and room for the vectors, owned. */
  #lastingPlaces(factors: readonly Matrix[]): readonly { matrix: Matrix; vectors: Matrix }[] {
    const places = this.#room();
    places.forEach(({ matrix }, i) => this.#backend.axpby(matrix, 1, factors[i], 0));
    return places;
  }

  #statusOf(index: number): Matrix {
    return { ...this.#status, offset: this.#status.offset + 3 * index, rows: 1 };
  }

  #room(): readonly { readonly matrix: Matrix; readonly vectors: Matrix }[] {
    if (isAway(this.vectors[0])) {
      return this.vectors.map(({ rows }) => ({
        matrix: awayMatrix(rows, rows),
        vectors: awayMatrix(rows, rows),
      }));
    }
    // One after the other, so that what there is room for is this object's even if the rest does not fit.
    for (const { rows } of this.vectors.slice(this.#lasting.length)) {
      const matrix = this.#backend.alloc(rows, rows);
      try {
        this.#lasting.push({ matrix, vectors: this.#backend.alloc(rows, rows) });
      } catch (error) {
        matrix[Symbol.dispose]();
        throw error;
      }
    }
    return this.#lasting;
  }
}

/** A renewal of some eigenproblems, from their statuses side by side, [1, 3] each. */
export function renewalOf(status: Matrix): Renewal {
  return { status, outcome: (numbers) => outcomeOf(numbers, status.cols / 3) };
}

function outcomeOf(status: ArrayLike<number>, problems: number): Refresh {
  const each = Array.from({ length: problems }, (_, i) => 3 * i);
  const how = each.map((at) => EighStatus[status[at]] as keyof typeof EighStatus);
  const share = Math.max(...each.map((at) => status[at + 1]));
  return share < 0 ? { how } : { how, offDiagonalShare: share };
}
