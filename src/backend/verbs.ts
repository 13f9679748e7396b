/**
 * The mathematical verbs of a backend, and what they take. The rules that hold for all of them are at the
 * head of `backend.ts`.
 *
 * @module
 */

import type { KroneckerCapture } from "../core/capture.ts";
import type { ConvGeometry, SlidingWindow } from "../core/geometry.ts";
import type { Formula, Rank } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { ActivationKind } from "../linalg/activations.ts";
import type { Blend } from "./blend.ts";
import type { DepthwiseVerbs } from "./depthwise_verbs.ts";
import type { SequenceVerbs } from "./sequence_verbs.ts";

export type { ActivationKind, Blend };
export type {
  DepthwiseMomentOptions,
  DepthwiseVerbs,
  StackedGemmOptions,
} from "./depthwise_verbs.ts";
export type { AttentionShape, RowNormKind, SequenceVerbs } from "./sequence_verbs.ts";

/** A number, or a [1, 1] matrix that holds one. */
export type Scalar = number | Matrix;

/** Options of {@linkcode Verbs.gemm}. */
export interface GemmOptions {
  /** Use A^T instead of A. @default {false} */
  readonly transposeA?: boolean;
  /** Use B^T instead of B. @default {false} */
  readonly transposeB?: boolean;
  /** Factor of the product. @default {1} */
  readonly alpha?: number;
  /** Factor of what C held; 0 means that C is not read. @default {0} */
  readonly beta?: number;
}

/** Options of the second moments. */
export interface SecondMomentOptions extends Blend {
  /** One weight per row (per location), [1, rows]. @default {all ones} */
  readonly weights?: Matrix;
}

/** The orthogonal bases of a layer: columns are eigenvectors. */
export interface Basis {
  /** Of the output factor, `Q_Psi` or `U_B`, [dOut, dOut]. */
  readonly output: Matrix;
  /** Of the input factor, `Q_Phi` or `U_A`, [dIn', dIn']. */
  readonly input: Matrix;
}

/** The damped division between the two halves of a rotation. */
export interface DampedDivision {
  /** Eigenvalues `Theta` in the basis, >= 0, same shape as the gradient. */
  readonly eigenvalues: Matrix;
  /** `lambda`, > 0, added to every eigenvalue. */
  readonly damping: Scalar;
  /** p of `(Theta + lambda)^-p`; 1 is the natural gradient, 1/2 the scaling of Adam. @default {1} */
  readonly exponent?: number;
}

/** A few orthonormal directions of each side of a layer: **rows** are basis vectors. */
export interface RowBasis {
  /** Of the outputs, `Q_out`, [kOut, dOut], `kOut <= dOut`. */
  readonly output: Matrix;
  /** Of the inputs, `Q_in`, [kIn, dIn'], `kIn <= dIn'`. */
  readonly input: Matrix;
}

/** The damped division by a curvature of low rank. */
export interface LowRankDivision {
  /** `M`, as {@linkcode Verbs.projectedMoments} leaves it, [kOut + 1, kIn + 1]. */
  readonly moments: Matrix;
  /** `lambda`, > 0, added to every eigenvalue. */
  readonly damping: Scalar;
  /** p of `(F + lambda)^-p`. @default {1} */
  readonly exponent?: number;
}

/** One symmetric matrix whose eigenvectors are wanted. */
export interface EighJob {
  /** Symmetric, [n, n]; only read. */
  readonly matrix: Matrix;
  /** Receives the orthonormal eigenvectors as columns, [n, n]; a failure leaves what is there, or `previous`. */
  readonly vectors: Matrix;
  /** Receives the eigenvalues in the columns' order, [1, n]. Ascending after a cold solution. */
  readonly values: Matrix;
  /** An earlier basis to start from, [n, n], or `undefined` for a cold start. */
  readonly previous?: Matrix;
  /**
   * With `previous` Q: while `|offdiag(Q^T X Q)|_F / |X|_F` is at most this, the basis stands (status
   * "kept"). 0 always solves. @default {0}
   */
  readonly staleness?: number;
  /** Receives the three numbers described at {@linkcode EighStatus}, [1, 3]. */
  readonly status: Matrix;
}

/**
 * First number of the status of an {@linkcode EighJob}; the second is the off-diagonal share of the
 * previous basis (-1 where it was not measured: for a cold start, and where the staleness is 0 and the
 * solver of a matrix of this size starts cold anyway), the third the number of sweeps or 0.
 */
export enum EighStatus {
  /** The matrix holds a NaN or infinity, or a solver did not converge: `previous` stands, or what `vectors` held. */
  failed = -1,
  /** The previous basis is not stale: it was copied to `vectors`. */
  kept = 0,
  /** Solved by cyclic Jacobi. */
  jacobi = 1,
  /** Solved by tridiagonalization and divide and conquer. */
  divideAndConquer = 2,
}

/** Elementwise nonlinearities; see `linalg.ActivationKind`. */
export type Activation = ActivationKind;

/** Ways to summarise a window. */
export type Pooling = "max" | "average";

/**
 * Losses with known output distributions, per example n over outputs k = 1..K:
 * - `softmaxCrossEntropy`: `log sum_k exp z_k - z_label`; targets are labels, [1, N].
 * - `halfSumSquaredError`: `1/2 sum_k (z_k - y_k)^2`; targets [N, K]. Distribution: normal, variance 1.
 * - `meanSquaredError`: `1/K sum_k (z_k - y_k)^2`; targets [N, K]. Distribution: normal, variance K/2.
 * - `sigmoidCrossEntropy`: `sum_k log(1 + exp z_k) - y_k z_k`; targets [N, K] in [0, 1]. Bernoulli.
 * - `huber`: `sum_k h(z_k - y_k)`, `h(r) = r^2 / 2` up to `|r| = delta` and `delta (|r| - delta / 2)` beyond;
 *   targets [N, K]. Density `exp(-h)`.
 * - `gaussian`: `1/2 sum_j s_j + (m_j - y_j)^2 exp(-s_j)` for outputs `z = [m s]`, means beside logarithms of variances,
 *   K / 2 of each; targets [N, K], of which the first half is looked at. Normal with that mean and variance.
 */
export type LossKind =
  | "softmaxCrossEntropy"
  | "halfSumSquaredError"
  | "meanSquaredError"
  | "sigmoidCrossEntropy"
  | "huber"
  | "gaussian";

/** Numbers of one Adam update. */
export interface AdamNumbers {
  /** `beta1 in [0, 1)`. */
  readonly beta1: number;
  /** `beta2 in [0, 1)`. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** Number of this update, counted from 1, for the bias corrections. */
  readonly count: number;
}

/** The mathematical verbs. Letters: N examples, T locations, dIn' inputs with the homogeneous 1. */
export interface Verbs extends SequenceVerbs, DepthwiseVerbs {
  /** `C = beta C + alpha op(A) op(B)`. */
  gemm(c: Matrix, a: Matrix, b: Matrix, options?: GemmOptions): void;

  /** `C = decay C + scale X^T diag(w) X`, symmetric, X [n, d], C [d, d]. */
  secondMoment(c: Matrix, x: Matrix, options?: SecondMomentOptions): void;

  /** `out_i = sum_j X_ij^2`, X [n, d], out [1, n]. */
  rowSquaredNorms(out: Matrix, x: Matrix): void;

  /**
   * Second moment of the layer's per-example gradients in a basis:
   * `Theta = decay Theta + scale sum_n (Q_out^T G_n Q_in)^2`, squares elementwise,
   * `G_n = sum_t g_nt abar_nt^T`; without a basis, of the gradients themselves. Theta [dOut, dIn'].
   * (George et al. 2018; Gao et al. 2020, eq. 3.3.)
   */
  squaredProjection(theta: Matrix, capture: KroneckerCapture, basis?: Basis, blend?: Blend): void;

  /**
   * Second moments of the layer's per-example gradients along the rows q of a basis, with what lies
   * outside of it, in one matrix M [kOut + 1, kIn + 1]: `M = decay M + scale sum_n S_n`,
   * `S_ij = (q_i^T G_n q_j)^2`, last column `|q_i^T G_n|^2`, last row `|G_n q_j|^2`, corner `|G_n|^2`,
   * `G_n = sum_t g_nt abar_nt^T`.
   */
  projectedMoments(
    moments: Matrix,
    capture: KroneckerCapture,
    basis: RowBasis,
    blend?: Blend,
  ): void;

  /**
   * `out = (F + lambda)^-p X`, X and out [dOut, dIn'], for the operator F whose eigenvalues are the block
   * of M on the directions `q_i q_j^T`, and on the rest of each row and column of directions, and of the
   * whole space, the mean of what M leaves there (not below 0). See `linalg.lowRankDivide`.
   */
  lowRankDivide(out: Matrix, x: Matrix, basis: RowBasis, division: LowRankDivision): void;

  /** Eigenvectors of several symmetric matrices. Failure is a status, never an exception. */
  eigh(jobs: readonly EighJob[]): void;

  /** `out = Q_out^T X Q_in`, out and X [dOut, dIn']. */
  rotateInto(out: Matrix, x: Matrix, basis: Basis): void;

  /** `out = Q_out [X / (Theta + lambda)^p] Q_in^T` (Gao et al. 2020, eq. 3.9); division optional. */
  rotateBack(out: Matrix, x: Matrix, basis: Basis, division?: DampedDivision): void;

  /** `out = X / (Theta + lambda)^p`, elementwise. `out` may be X. */
  dampedDivide(out: Matrix, x: Matrix, division: DampedDivision): void;

  /**
   * `out = (scale X + shift I)^-1` by Cholesky, X symmetric [n, n]. `status` [1, 1] receives 1, or 0
   * when the matrix is not positive definite or not finite; `out` is then unchanged.
   */
  choleskyInverse(out: Matrix, x: Matrix, scale: Scalar, shift: Scalar, status: Matrix): void;

  /**
   * `out = patches Wbar^T`: images [N h w, C], weights [dOut, dIn'], out [N T, dOut]. This and its two gradients take
   * convolutions with groups as a whole: each has its columns of images and outputs and its rows of weights.
   */
  conv2d(out: Matrix, images: Matrix, weights: Matrix, geometry: ConvGeometry): void;

  /** Gradient of the images, [N h w, C], from g [N T, dOut]; the bias column takes no part. */
  conv2dDataGradient(out: Matrix, g: Matrix, weights: Matrix, geometry: ConvGeometry): void;

  /** `out = decay out + scale sum_nt g_nt abar_nt^T`, out [dOut, dIn'], bias column included. */
  conv2dWeightGradient(
    out: Matrix,
    images: Matrix,
    g: Matrix,
    geometry: ConvGeometry,
    blend?: Blend,
  ): void;

  /** `out = patches`, [N T, dIn'] in the stored order (kernel row, kernel column, channel; 1 last). */
  patches(out: Matrix, images: Matrix, geometry: ConvGeometry): void;

  /** {@linkcode Verbs.secondMoment} of the patches, without forming them all. Weights [1, N T]. */
  patchSecondMoment(
    c: Matrix,
    images: Matrix,
    geometry: ConvGeometry,
    options?: SecondMomentOptions,
  ): void;

  /** `out_nt = |abar_nt|^2`, the homogeneous 1 included, out [1, N T]. */
  patchSquaredNorms(out: Matrix, images: Matrix, geometry: ConvGeometry): void;

  /**
   * Maximum or mean over windows: images [N h w, C], out [N T, C]. Padding takes no part: it is never
   * the maximum and not counted in the mean.
   */
  pool(kind: Pooling, out: Matrix, images: Matrix, window: SlidingWindow): void;

  /** Gradient of {@linkcode Verbs.pool}: the maximum's goes to the first pixel that attains it. */
  poolGradient(
    kind: Pooling,
    out: Matrix,
    images: Matrix,
    pooled: Matrix,
    g: Matrix,
    window: SlidingWindow,
  ): void;

  /**
   * `out = means above variances` of the columns of x [n, C] (mean squares about the means); out [2, C],
   * zeros of no rows.
   */
  columnMoments(out: Matrix, x: Matrix): void;

  /**
   * `out = scale xhat + shift` with `xhat = (x - mean) / sqrt(variance + epsilon)` (Ioffe & Szegedy 2015):
   * x and out [n, C], moments [2, C] as {@linkcode Verbs.columnMoments} leaves them, weights [2, C], scales
   * above shifts.
   */
  batchNorm(out: Matrix, x: Matrix, moments: Matrix, weights: Matrix, epsilon: number): void;

  /** Gradients of scales and shifts: `out = sum_i g_i xhat_i` above `sum_i g_i`, g [n, C], out [2, C]. */
  batchNormSums(out: Matrix, x: Matrix, g: Matrix, moments: Matrix, epsilon: number): void;

  /**
   * Gradient of x where `moments` are its own, which every row takes part in, with `sums` from
   * {@linkcode Verbs.batchNormSums}:
   * `out = scale / sqrt(variance + epsilon) (g - sums_1 / n - xhat sums_0 / n)`.
   */
  batchNormGradient(
    out: Matrix,
    x: Matrix,
    g: Matrix,
    moments: Matrix,
    weights: Matrix,
    sums: Matrix,
    epsilon: number,
  ): void;

  /** `out = [X | 1]`: X [n, d], out [n, d + 1]. */
  appendOnes(out: Matrix, x: Matrix): void;

  /** `out = f(x)` elementwise. `out` may be x. */
  activation(kind: Activation, out: Matrix, x: Matrix): void;

  /**
   * `out = g f'(x)`. `out` may be g.
   *
   * @param y The output `f(x)` for relu, tanh and sigmoid, whose derivatives are functions of it; the input x for
   * the others.
   */
  activationGradient(kind: Activation, out: Matrix, y: Matrix, g: Matrix): void;

  /**
   * Per-example losses [1, N] and gradients [N, K] with respect to the outputs z [N, K].
   *
   * @param parameter Of `huber` delta, > 0; of `softmaxCrossEntropy` the smoothing epsilon in [0, 1), with which the
   * target is `(1 - epsilon) [k = label] + epsilon / K` (Szegedy et al. 2016). @default {0}
   */
  loss(
    kind: LossKind,
    losses: Matrix,
    gradients: Matrix,
    z: Matrix,
    targets: Matrix,
    parameter?: number,
  ): void;

  /**
   * Gradients [N, K] of the losses of targets drawn from the model's own distribution.
   * `noise` holds what makes the draw: uniforms [1, N] for softmax (inverse of the cumulative sum),
   * uniforms [N, K] for sigmoid (target 1 where the uniform is below the probability), standard
   * normals [N, K] for the squared errors and for `gaussian`, which looks at the first half of them; for `huber`
   * the slopes at residuals that were drawn, [N, K].
   */
  sampledLossGradient(kind: LossKind, gradients: Matrix, z: Matrix, noise: Matrix): void;

  /**
   * `gradients_n = B_n e_n` [N, K] for signs e [N, K], where `B_n B_n^T` is the Hessian of example n's loss in
   * its outputs: with random signs, the second moment of what is propagated back is the Gauss-Newton matrix
   * (Chapelle & Erhan 2011; Martens, Sutskever & Swersky 2012). Squared errors: `e`, or `sqrt(2/K) e` for the
   * mean; softmax: `sqrt(p) o e - p (sqrt(p) . e)`; sigmoid: `sqrt(p (1 - p)) o e`; `gaussian`, whose Hessian need not be
   * positive, the root of its mean over targets, `[exp(-s / 2) o e_m, e_s / sqrt(2)]`; `huber`: `e`, of the
   * largest curvature that it has.
   */
  gaussNewtonGradient(kind: LossKind, gradients: Matrix, z: Matrix, signs: Matrix): void;

  /**
   * `y = alpha x + beta y`. Where alpha is 0, a number or on the backend, x is not read, and where beta
   * is, y is not; so nothing comes through, be it NaN. x and y may be the same.
   */
  axpby(y: Matrix, alpha: Scalar, x: Matrix, beta: Scalar): void;

  /**
   * `w = w - rate u`, from whose first `columns` columns, an integer from 0 to n, `decay w` is taken besides: a step
   * with decoupled weight decay in one pass over memory (Loshchilov & Hutter 2019, arXiv 1711.05101). w and u
   * [m, n]; where rate is 0, a number or on the backend, u is not read, be it NaN.
   */
  takeStep(w: Matrix, rate: Scalar, u: Matrix, decay: Scalar, columns: number): void;

  /** `out = decay out + scale x^2` elementwise. `out` may be x when decay is 0. */
  squares(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `out_ij = w_i x_ij`: x and out [n, d], weights [1, n]. `out` may be x. */
  scaleRows(out: Matrix, x: Matrix, weights: Matrix): void;

  /** `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, out = mHat / (sqrt vHat + epsilon)
   * with the bias-corrected `mHat = m / (1 - beta1^count)`, `vHat` alike (Kingma & Ba 2015, alg. 1). */
  adamDirection(out: Matrix, m: Matrix, v: Matrix, g: Matrix, numbers: AdamNumbers): void;

  /** `out = decay out + scale sum_ij x_ij y_ij`, out [1, 1]. Summed so that the error grows with log n. */
  dot(out: Matrix, x: Matrix, y: Matrix, blend?: Blend): void;

  /** `out_i = decay out_i + scale sum_j x_ij y_ij`, x and y [n, d], out [1, n]. */
  rowDots(out: Matrix, x: Matrix, y: Matrix, blend?: Blend): void;

  /**
   * `out = (sum_ij u_ij s_ij, sum_ij u_ij^2, sum_ij w_ij^2)`, out [1, 3]: what judging a step takes, in one
   * pass over the update u, the gradient s and the weights w, all of one shape. Summed as
   * {@linkcode Verbs.dot} is.
   */
  stepProducts(out: Matrix, u: Matrix, s: Matrix, w: Matrix): void;

  /** `out = decay out + scale sum_ij x_ij`, out [1, 1]. */
  sum(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `out = decay out + scale tr X`, X square, out [1, 1]. */
  trace(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `out = 1` when every entry of x is finite, otherwise 0; out [1, 1]. */
  allFinite(out: Matrix, x: Matrix): void;

  /**
   * `x = flag ? x : 0` elementwise, flag [1, 1] being true when it is not 0. What is replaced may be NaN:
   * with {@linkcode Verbs.allFinite} it leaves a bad one out without a word to the host.
   */
  zeroUnless(x: Matrix, flag: Matrix): void;

  /**
   * The outputs of a formula over a few numbers, some thousand at most. A number is given as a number or a
   * [1, 1] matrix, a vector as a row [1, n], all of a call with the same n. Every output is computed before
   * one is written, so that an output may be the very matrix of an input. The formula object should be the
   * same from call to call, because a GPU compiles each.
   */
  evaluate<I extends Readonly<Record<string, Rank>>, O extends string>(
    formula: Formula<I, O>,
    inputs: { readonly [K in keyof I]: I[K] extends "vector" ? Matrix : Scalar },
    outputs: Readonly<Record<NoInfer<O>, Matrix>>,
  ): void;
}
