/**
 * The leading eigenvectors of a factor that is never formed: a sketch `Y = Q S` of the factor S, averaged
 * while the basis Q stands, from which the next basis follows.
 *
 * @module
 */

import type { Backend, EighJob } from "../backend/backend.ts";
import type { KroneckerCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, type OwnedMatrix } from "../core/matrix.ts";
import { Random } from "../core/random.ts";
import { div, formula, max, mul, sqrt, sub } from "../core/formula.ts";
import { Owner } from "./blocks/block.ts";
import { identity } from "./identity.ts";
import type { Observation } from "./moving_average.ts";
import { diagonal, nullAverageWithTotal, writeKnown } from "./null_space.ts";

/**
 * Share of the mean of the leading eigenvalues that is added to all of them while a basis is renewed. It
 * lies well below any damping. Directions below it are the shift's more than the data's.
 */
const SHIFT = 1e-3;

/** Random rows of unit length are nearly orthonormal where there are at most so many per dimension. */
const NEARLY_ORTHONORMAL = 1 / 8;

/** Keeps the shift of a factor that is zero so far above zero. */
const LEAST_SHIFT = 1e-30;

/** The rows whose second moment a factor is: inputs (or patches) of a layer, or its output gradients. */
export interface FactorRows {
  /** `X Q^T`, [N T, k], in scratch memory. */
  project(basis: Matrix): Matrix;
  /** `out = decay out + scale R^T X`, [k, d], R [N T, k]. */
  accumulate(out: Matrix, rows: Matrix, observation: Observation): void;
}

/** Inputs of a dense layer, patches of a convolution (without forming them). */
export function inputRows(backend: Backend, capture: KroneckerCapture): FactorRows {
  if (capture.kind === "dense") return matrixRows(backend, capture.inputs);
  const { images, geometry, outputGradients } = capture;
  return {
    project(basis) {
      const out = backend.scratch(outputGradients.rows, basis.rows);
      backend.conv2d(out, images, basis, geometry);
      return out;
    },
    accumulate(out, rows, observation) {
      backend.conv2dWeightGradient(out, images, rows, geometry, observation);
    },
  };
}

/** Output gradients of a layer. */
export function outputRows(backend: Backend, { outputGradients }: KroneckerCapture): FactorRows {
  return matrixRows(backend, outputGradients);
}

/** Rows of any matrix. */
export function matrixRows(backend: Backend, x: Matrix): FactorRows {
  return {
    project(basis) {
      const out = backend.scratch(x.rows, basis.rows);
      backend.gemm(out, x, basis, { transposeB: true });
      return out;
    },
    accumulate(out, rows, { decay, scale }) {
      backend.gemm(out, rows, x, { transposeA: true, alpha: scale, beta: decay });
    },
  };
}

/**
 * One side of a layer's basis: k orthonormal rows Q [k, d], and the sketch `Y = Q S` [k, d] of the averaged
 * factor S. Never larger than k d, however wide the layer.
 *
 * @example The leading eigenvector of a factor whose rows lie along (1, 1)
 * ```ts
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using inputs = upload(backend, denseMatrix(2, 1, [1, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 2, [1, 1, -2, -2]));
 * using sketch = new FactorSketch(backend, 1, 2);
 * backend.scope(() => {
 *   const rows = outputRows(backend, { kind: "dense", examples: 2, inputs, outputGradients });
 *   sketch.observe(rows, undefined, { decay: 0, scale: 1 / 2 });
 *   sketch.renew();
 *   const ones = inputRows(backend, { kind: "dense", examples: 2, inputs, outputGradients });
 *   allClose(backend.readSync(ones.project(inputs)), [1, 1, 1, 1]); // X X^T
 * });
 * const [x, y] = backend.readSync(sketch.basis);
 * allClose([x * y], [1 / 2], { relative: 1e-2 }); // (1, 1) / sqrt(2), up to sign
 * ```
 */
export class FactorSketch extends Owner {
  /** Q, [k, d]; once it has been renewed, its rows are orthonormal, in no order. */
  readonly basis: OwnedMatrix;
  /** `Y = Q S`, [k, d]. */
  readonly product: OwnedMatrix;
  /**
   * What moments that are measured along Q are multiplied with, [k + 1, k + 1]: averages over the directions
   * that the data do not decide, see `null_space.ts`. The identity before the first renewal.
   */
  readonly average: OwnedMatrix;
  readonly #backend: Backend;
  readonly #status: OwnedMatrix;

  /** Of a factor of `dimension` rows and columns, 1 <= rank <= dimension. The caller disposes it. */
  constructor(backend: Backend, rank: number, dimension: number) {
    super();
    this.#backend = backend;
    this.basis = this.alloc(backend, rank, dimension);
    this.product = this.alloc(backend, rank, dimension);
    this.average = this.own(identity(backend, rank + 1));
    this.#status = this.alloc(backend, 1, 3);
    backend.write(this.basis, firstBasis(rank, dimension));
  }

  /** Status of the last {@linkcode FactorSketch.renew}, [1, 3], as of `EighStatus`. */
  get status(): Matrix {
    return this.#status;
  }

  /**
   * Adds a micro-batch: `Y <- decay Y + scale (X Q^T)^T diag(w) X`. Inside a scope.
   *
   * @param weights One per row, [1, N T]; all ones where it is left out.
   */
  observe(rows: FactorRows, weights: Matrix | undefined, observation: Observation): void {
    this.#backend.scope(() => {
      const projected = rows.project(this.basis);
      if (weights !== undefined) this.#backend.scaleRows(projected, projected, weights);
      rows.accumulate(this.product, projected, observation);
    });
  }

  /**
   * After the very first observation, of so many rows, moves the random basis to what has been seen. Inside a scope.
   *
   * @returns Whether the rows have to be observed again, in the new basis: not where there were at most k of many
   * columns, which lie in the span of the sketch, whatever the basis. Nothing is moved then: the next renewal finds
   * all of them, and makes a basis orthonormal that nearly was.
   */
  findBasis(rows: number): boolean {
    const { rows: k, cols: d } = this.basis;
    if (rows <= k && k <= NEARLY_ORTHONORMAL * d) return false;
    this.#backend.scope(() => this.renew());
    return true;
  }

  /**
   * Moves the basis to the leading eigenvectors of `S ~ Y^T (Y Q^T)^-1 Y` (Nystrom's approximation, with
   * a shift of `SHIFT` of the mean of the leading eigenvalues, which keeps it stable: Tropp, Yurtsever,
   * Udell & Cevher 2017, algorithm 3), and Y with it. So directions without data keep the span they had.
   * Where a number is not finite, all stands. Inside a scope.
   *
   * @returns Overlaps `Q' Q^T` of the new basis with the old, [k, k], in scratch memory.
   */
  renew(): Matrix {
    const backend = this.#backend;
    const { basis, product } = this;
    const { rows: k, cols: d } = basis;
    if (d === 1) return this.#kept();
    // C = Y Q^T, symmetric up to rounding; nu is a share of its mean eigenvalue.
    const core = this.#times(product, basis);
    const shift = backend.scratch(1, 1);
    backend.trace(shift, core);
    backend.evaluate(shiftOf, { trace: shift, rank: k }, { shift });
    const shifted = backend.scratch(k, d);
    backend.axpby(shifted, 1, product, 0);
    backend.axpby(shifted, shift, basis, 1);
    backend.gemm(core, basis, shifted, { transposeB: true, alpha: 0.5 });
    backend.gemm(core, shifted, basis, { transposeB: true, alpha: 0.5, beta: 1 });

    // Rows of B = C^(-1/2) Y, so that S ~ B^T B; its right singular vectors are the eigenvectors.
    const inner = this.#solve(core);
    const roots = backend.scratch(1, k);
    backend.evaluate(inverseRoots, { values: inner.values, shift }, { roots });
    const half = this.#rotated(inner.vectors, shifted, roots);
    const outer = this.#solve(this.#times(half, half));
    backend.evaluate(inverseRoots, { values: outer.values, shift }, { roots });
    const fresh = this.#polished(this.#rotated(outer.vectors, half, roots), outer.values);

    // Y' = diag(eigenvalues) Q'.
    const known = backend.scratch(1, k + 1);
    backend.write(known, new Float64Array(k + 1).fill(1));
    const values = backend.scratch(1, k);
    backend.evaluate(unshifted, { values: outer.values, shift }, { values });
    backend.scaleRows(shifted, fresh, values);
    writeKnown(backend, columnsOf(known, 0, k), values, shift);

    const overlap = this.#adopt(fresh, shifted, nullAverageWithTotal(backend, known, d));
    backend.axpby(this.#status, 1, outer.status, 0);
    return overlap;
  }

  /** Of one dimension there is one direction, for good. */
  #kept(): Matrix {
    const overlap = this.#backend.scratch(1, 1);
    this.#backend.write(overlap, [1]);
    return overlap;
  }

  /** Takes over a new basis and sketch unless one holds a number that is not finite. */
  #adopt(basis: Matrix, product: Matrix, average: Matrix): Matrix {
    const backend = this.#backend;
    const [good, other] = [backend.scratch(1, 1), backend.scratch(1, 1)];
    backend.allFinite(good, product);
    backend.evaluate(rest, { good }, { rest: other });
    const old = backend.scratch(basis.rows, basis.cols);
    backend.axpby(old, 1, this.basis, 0);
    backend.axpby(this.basis, good, basis, other);
    backend.axpby(this.product, good, product, other);
    backend.axpby(this.average, good, average, other);
    return this.#times(this.basis, old);
  }

  /**
   * A step towards orthonormal rows that moves, of each two, the one that is known less: `Q <- Q + L Q`,
   * `L_ij = E_ij s_j / (s_i + s_j)`, `E = I - Q Q^T`, s the eigenvalues (Newton and Schulz have 1/2). What is
   * left of a leading direction in one without data would count much more than the reverse.
   */
  #polished(basis: Matrix, values: Matrix): Matrix {
    const backend = this.#backend;
    const { rows: k, cols: d } = basis;
    const [error, sums, ones] = [
      backend.scratch(k, k),
      backend.scratch(k, k),
      backend.scratch(1, k),
    ];
    backend.write(ones, new Float64Array(k).fill(1));
    diagonal(backend, error, ones);
    backend.gemm(error, basis, basis, { transposeB: true, alpha: -1, beta: 1 });
    backend.gemm(sums, values, ones, { transposeA: true });
    backend.gemm(sums, ones, values, { transposeA: true, beta: 1 });
    backend.scaleRows(error, error, values);
    backend.dampedDivide(error, error, { eigenvalues: sums, damping: LEAST_SHIFT });
    const out = backend.scratch(k, d);
    backend.axpby(out, 1, basis, 0);
    backend.gemm(out, error, basis, { transposeA: true, beta: 1 });
    return out;
  }

  /** `diag(scales) V^T X`, in scratch memory. */
  #rotated(vectors: Matrix, x: Matrix, scales: Matrix): Matrix {
    const out = this.#backend.scratch(x.rows, x.cols);
    this.#backend.gemm(out, vectors, x, { transposeA: true });
    this.#backend.scaleRows(out, out, scales);
    return out;
  }

  /** `X Z^T`, [k, k], in scratch memory. */
  #times(x: Matrix, z: Matrix): Matrix {
    const out = this.#backend.scratch(x.rows, z.rows);
    this.#backend.gemm(out, x, z, { transposeB: true });
    return out;
  }

  #solve(matrix: Matrix): EighJob {
    const { rows: k } = matrix;
    const backend = this.#backend;
    const job = {
      matrix,
      vectors: backend.scratch(k, k),
      values: backend.scratch(1, k),
      status: backend.scratch(1, 3),
    };
    backend.eigh([job]);
    return job;
  }
}

const shiftOf = formula({ trace: "number", rank: "number" }, ({ trace, rank }) => ({
  shift: max(div(mul(SHIFT, trace), rank), LEAST_SHIFT),
}));

/** Eigenvalues are at least the shift; rounding may leave them below. */
const inverseRoots = formula({ values: "vector", shift: "number" }, ({ values, shift }) => ({
  roots: div(1, sqrt(max(values, mul(0.5, shift)))),
}));

const unshifted = formula({ values: "vector", shift: "number" }, ({ values, shift }) => ({
  values: max(sub(values, shift), 0),
}));

const rest = formula({ good: "number" }, ({ good }) => ({ rest: sub(1, good) }));

/**
 * Where a basis begins: all coordinates, or random numbers of about unit length, the same for equal sizes.
 * They need not be orthonormal: the first renewal makes them so.
 */
function firstBasis(rank: number, dimension: number): Float32Array {
  const basis = new Float32Array(rank * dimension);
  if (rank === dimension) {
    for (let i = 0; i < rank; i++) basis[i * (dimension + 1)] = 1;
    return basis;
  }
  const random = new Random(rank + dimension);
  const scale = Math.sqrt(12 / dimension);
  for (let i = 0; i < basis.length; i++) basis[i] = scale * (random.uniform() - 0.5);
  return basis;
}
