/**
 * What a fitted curvature is to those who build on it: a symmetric linear operator.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import type { InverseDamping } from "./damping.ts";

/**
 * A symmetric positive semidefinite operator F over weights, of one layer ([dOut, dIn'], one matrix) or of a model
 * (one matrix per layer). Numbers are those of the backend: float64 on the reference backend, float32 elsewhere;
 * trace and logarithm of the determinant are summed in float64 from the eigenvalues.
 *
 * `out` may not be `x`. Temporaries are scratch: call inside a scope of the backend.
 *
 * @typeParam V What a vector is.
 */
export interface CurvatureOperator<V> {
  /** Number of weights: rows of the matrix that it stands for. */
  readonly dimension: number;

  /** `out = F x`. */
  multiply(out: V, x: V): void;

  /**
   * `out = (F + lambda)^-1 x`.
   *
   * @throws {OptionError} When lambda is zero and a layer is singular.
   */
  solve(out: V, x: V, damping?: InverseDamping): void;

  /** The trace of F, the sum of its eigenvalues. */
  trace(): number;

  /**
   * `log det (F + lambda)`.
   *
   * @throws {OptionError} When lambda is zero and a layer is singular.
   */
  logdet(damping?: InverseDamping): number;

  /**
   * `out ~ N(0, (F + lambda)^-1)`: `(F + lambda)^(-1/2) z` of standard normal numbers z.
   *
   * @throws {OptionError} When lambda is zero and a layer is singular.
   */
  sample(out: V, random: Random, damping?: InverseDamping): void;

  /** F as a matrix [dimension, dimension], rows of each layer's weights one after the other; scratch. For small ones. */
  toDense(): Matrix;
}
