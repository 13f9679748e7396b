/**
 * One side of a layer's basis, for blocks whose other side keeps its own coordinates: all eigenvectors of a
 * factor, or the leading ones.
 *
 * @module
 */

import type { Backend, EighJob } from "../backend/backend.ts";
import type { Markable } from "../core/marks.ts";
import type { Matrix } from "../core/matrix.ts";
import { type Summand, symmetric } from "../distributed/packing.ts";
import { Owner } from "./blocks/block.ts";
import { FactorBases, renewalOf } from "./factor_bases.ts";
import type { Observation } from "./moving_average.ts";
import type { Renewal } from "./renewal.ts";
import { FactorSketch, matrixRows } from "./sketch.ts";

/** Directions of the factor `S = E[sum_t x x^T]`, [d, d]. Temporaries are scratch: call inside a scope. */
export interface FactorSide extends Disposable, Markable {
  /** k, the number of directions. */
  readonly rank: number;
  /** What it remembers, for checkpoints. */
  readonly state: Readonly<Record<string, Matrix>>;
  /** Whether a decomposition has ever succeeded that could stand for one that is not ready. */
  readonly solved: boolean;
  /** What observations are added to. */
  readonly sum: Summand;
  /** Adds the rows of X [n, d] to the factor. */
  observe(x: Matrix, observation: Observation): void;
  /** See `Block.findBasis`; of so many rows. */
  findBasis?(rows: number): boolean;
  /** See `Refreshable.beginRefresh`. */
  beginRefresh?(staleness: number, lasting: boolean): readonly EighJob[];
  /** Takes new directions over; `carry` gets their overlaps with the old ones, [k, k]. */
  finishRefresh(carry: (overlap: Matrix) => void): Renewal;
  /** Coordinates of rows along the directions, [n, k]. */
  project(x: Matrix): Matrix;
  /** `out = alpha P B + beta out`, B the directions as rows, P [n, k], out [n, d]. */
  expand(out: Matrix, p: Matrix, alpha: number, beta: number): void;
  /** See `Refreshable.underway`. */
  underway?(): Readonly<Record<string, Matrix>>;
  /** See `Refreshable.resumeRefresh`. */
  resumeRefresh?(): void;
  /** Called after the state was overwritten, with what held where it comes from. */
  restored?(was: Pick<FactorSide, "solved">): void;
}

/**
 * All eigenvectors, from the factor itself.
 */
export class FullSide extends Owner implements FactorSide {
  readonly rank: number;
  /** The factor, [d, d]. */
  readonly factor: Matrix;
  readonly #backend: Backend;
  readonly #bases: FactorBases;

  /** Of a factor of `dimension` rows and columns. The caller disposes it. */
  constructor(backend: Backend, dimension: number) {
    super();
    this.#backend = backend;
    this.rank = dimension;
    this.factor = this.alloc(backend, dimension, dimension);
    this.#bases = this.own(new FactorBases(backend, [dimension]));
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { outputFactor: this.factor, outputBasis: this.#bases.vectors[0] };
  }

  get solved(): boolean {
    return this.#bases.solved;
  }

  /** Eigenvalues of the factor, [1, d]. */
  get values(): Matrix {
    return this.#bases.values[0];
  }

  get sum(): Summand {
    return symmetric(this.factor);
  }

  observe(x: Matrix, observation: Observation): void {
    this.#backend.secondMoment(this.factor, x, observation);
  }

  beginRefresh(staleness: number, lasting: boolean): readonly EighJob[] {
    return this.#bases.jobs([this.factor], staleness, lasting);
  }

  finishRefresh(carry: (overlap: Matrix) => void): Renewal {
    return this.#bases.adopt(([from], [to]) => {
      const overlap = this.#backend.scratch(this.rank, this.rank);
      this.#backend.gemm(overlap, to, from, { transposeA: true });
      carry(overlap);
    });
  }

  project(x: Matrix): Matrix {
    const out = this.#backend.scratch(x.rows, this.rank);
    this.#backend.gemm(out, x, this.#bases.vectors[0]);
    return out;
  }

  expand(out: Matrix, p: Matrix, alpha: number, beta: number): void {
    this.#backend.gemm(out, p, this.#bases.vectors[0], { transposeB: true, alpha, beta });
  }

  mark(): () => void {
    return this.#bases.mark();
  }

  underway(): Readonly<Record<string, Matrix>> {
    return this.#bases.underway(["output"]);
  }

  resumeRefresh(): void {
    this.#bases.resume();
  }

  restored({ solved }: Pick<FactorSide, "solved">): void {
    this.#bases.solved = solved;
  }
}

/** The leading eigenvectors, from a sketch of the factor. */
export class SketchedSide extends Owner implements FactorSide {
  readonly rank: number;
  /** A basis is quick to renew, so that none ever has to stand in. */
  readonly solved = false;
  readonly #backend: Backend;
  readonly #sketch: FactorSketch;

  /** `rank` directions of a factor of `dimension` rows and columns. The caller disposes it. */
  constructor(backend: Backend, rank: number, dimension: number) {
    super();
    this.#backend = backend;
    this.rank = rank;
    this.#sketch = this.own(new FactorSketch(backend, rank, dimension));
  }

  get state(): Readonly<Record<string, Matrix>> {
    return { outputBasis: this.#sketch.basis, outputSketch: this.#sketch.product };
  }

  get sum(): Summand {
    return { matrix: this.#sketch.product };
  }

  findBasis(rows: number): boolean {
    return this.#sketch.findBasis(rows);
  }

  observe(x: Matrix, observation: Observation): void {
    this.#sketch.observe(matrixRows(this.#backend, x), undefined, observation);
  }

  finishRefresh(carry: (overlap: Matrix) => void): Renewal {
    carry(this.#sketch.renew());
    return renewalOf(this.#sketch.status);
  }

  project(x: Matrix): Matrix {
    return matrixRows(this.#backend, x).project(this.#sketch.basis);
  }

  expand(out: Matrix, p: Matrix, alpha: number, beta: number): void {
    this.#backend.gemm(out, p, this.#sketch.basis, { alpha, beta });
  }
}
