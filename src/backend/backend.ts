/**
 * The seam between mathematics and machines.
 *
 * A backend offers memory and the mathematical verbs this library needs, no more: it is not a tensor
 * language. Verbs run in the order in which they are called and return nothing; only reading back is
 * asynchronous. On a synchronous backend ({@linkcode Backend.sync}) everything is done when a verb
 * returns, and {@linkcode Backend.readSync} works.
 *
 * Not its business: what the numbers mean, when a basis is refreshed, what a step is.
 *
 * Rules that hold for every verb:
 * - Shapes are checked once, before any kernel runs; `ShapeError` names the verb and the argument.
 * - Outputs come first. An output never overlaps an input unless the verb says that it may.
 * - `decay` and `scale`: an accumulating verb computes `out = decay * out + scale * (new value)`; with
 *   decay 0 (the default) `out` is not read, so it may hold anything, NaN included. In float32 its
 *   denormal results become 0: averages of what has died would decay into that range and be slow.
 * - A {@linkcode Scalar} is a number or a [1, 1] matrix on the backend, so that quantities computed on
 *   a device (damping, clip factor) never have to come back to the host.
 * - Zero rows, columns or examples are legal everywhere and mean an empty sum.
 *
 * @module
 */

import type { Capture } from "../core/capture.ts";
import type { ConvGeometry, Window } from "../core/geometry.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Recovery } from "./recovery/recovery.ts";

/** A number, or a [1, 1] matrix that holds one. */
export type Scalar = number | Matrix;

/** How a new observation enters an accumulated quantity: `out = decay * out + scale * new`. */
export interface Blend {
  /** Weight of what `out` held; 0 means that it is not read. @default {0} */
  readonly decay?: number;
  /** Weight of the new value. @default {1} */
  readonly scale?: number;
}

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

/** One symmetric matrix whose eigenvectors are wanted. */
export interface EighJob {
  /** Symmetric, [n, n]; only read. */
  readonly matrix: Matrix;
  /** Receives the orthonormal eigenvectors as columns, [n, n]. */
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
  /** The matrix holds a NaN or infinity, or a solver did not converge: `previous` stands. */
  failed = -1,
  /** The previous basis is not stale: it was copied to `vectors`. */
  kept = 0,
  /** Solved by cyclic Jacobi. */
  jacobi = 1,
  /** Solved by tridiagonalization and divide and conquer. */
  divideAndConquer = 2,
}

/** Elementwise nonlinearities whose derivative is a function of the output. */
export type Activation = "relu" | "tanh" | "sigmoid";

/** Ways to summarise a window. */
export type Pooling = "max" | "average";

/**
 * Losses with known output distributions, per example n over outputs k = 1..K:
 * - `softmaxCrossEntropy`: `log sum_k exp z_k - z_label`; targets are labels, [1, N].
 * - `halfSumSquaredError`: `1/2 sum_k (z_k - y_k)^2`; targets [N, K]. Distribution: normal, variance 1.
 * - `meanSquaredError`: `1/K sum_k (z_k - y_k)^2`; targets [N, K]. Distribution: normal, variance K/2.
 * - `sigmoidCrossEntropy`: `sum_k log(1 + exp z_k) - y_k z_k`; targets [N, K] in [0, 1]. Bernoulli.
 */
export type LossKind =
  | "softmaxCrossEntropy"
  | "halfSumSquaredError"
  | "meanSquaredError"
  | "sigmoidCrossEntropy";

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
export interface Verbs {
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
  squaredProjection(theta: Matrix, capture: Capture, basis?: Basis, blend?: Blend): void;

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

  /** `out = patches Wbar^T`: images [N h w, C], weights [dOut, dIn'], out [N T, dOut]. */
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
  pool(kind: Pooling, out: Matrix, images: Matrix, window: Window): void;

  /** Gradient of {@linkcode Verbs.pool}: the maximum's goes to the first pixel that attains it. */
  poolGradient(
    kind: Pooling,
    out: Matrix,
    images: Matrix,
    pooled: Matrix,
    g: Matrix,
    window: Window,
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

  /** `out = g f'(x)` from the output y = f(x). `out` may be g. */
  activationGradient(kind: Activation, out: Matrix, y: Matrix, g: Matrix): void;

  /** Per-example losses [1, N] and gradients [N, K] with respect to the outputs z [N, K]. */
  loss(kind: LossKind, losses: Matrix, gradients: Matrix, z: Matrix, targets: Matrix): void;

  /**
   * Gradients [N, K] of the losses of targets drawn from the model's own distribution.
   * `noise` holds what makes the draw: uniforms [1, N] for softmax (inverse of the cumulative sum),
   * uniforms [N, K] for sigmoid (target 1 where the uniform is below the probability), standard
   * normals [N, K] for the squared errors.
   */
  sampledLossGradient(kind: LossKind, gradients: Matrix, z: Matrix, noise: Matrix): void;

  /**
   * `y = alpha x + beta y`. Where alpha is 0, a number or on the backend, x is not read, and where beta
   * is, y is not; so nothing comes through, be it NaN. x and y may be the same.
   */
  axpby(y: Matrix, alpha: Scalar, x: Matrix, beta: Scalar): void;

  /** `out = decay out + scale x^2` elementwise. `out` may be x when decay is 0. */
  squares(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, out = mHat / (sqrt vHat + epsilon)
   * with the bias-corrected `mHat = m / (1 - beta1^count)`, `vHat` alike (Kingma & Ba 2015, alg. 1). */
  adamDirection(out: Matrix, m: Matrix, v: Matrix, g: Matrix, numbers: AdamNumbers): void;

  /** `out = decay out + scale sum_ij x_ij y_ij`, out [1, 1]. Summed so that the error grows with log n. */
  dot(out: Matrix, x: Matrix, y: Matrix, blend?: Blend): void;

  /** `out = decay out + scale sum_ij x_ij`, out [1, 1]. */
  sum(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `out = decay out + scale tr X`, X square, out [1, 1]. */
  trace(out: Matrix, x: Matrix, blend?: Blend): void;

  /** `out = 1` when every entry of x is finite, otherwise 0; out [1, 1]. */
  allFinite(out: Matrix, x: Matrix): void;

  /**
   * `x = flag ? x : 0` elementwise, flag [1, 1] being true when it is not 0. What is replaced may be NaN:
   * with {@linkcode Verbs.allFinite} it cancels a bad update without a word to the host.
   */
  zeroUnless(x: Matrix, flag: Matrix): void;

  /**
   * `out = tau max(factor * product of sources, floor)`, all [1, 1]: relative damping, `factor` being
   * one over the number of eigenvalues (Gao et al. 2020, eq. 3.5).
   */
  relativeDamping(
    out: Matrix,
    sources: readonly Matrix[],
    numbers: { readonly tau: number; readonly factor: number; readonly floor: number },
  ): void;

  /**
   * Martens & Grosse's split of lambda over two factors: with
   * `pi = sqrt((trA / dimA) / (trB / dimB))` (1 where a trace is not positive)
   * `shiftA = pi sqrt(lambda)`, `shiftB = sqrt(lambda) / pi`; all [1, 1].
   */
  splitDamping(
    shiftA: Matrix,
    shiftB: Matrix,
    lambda: Scalar,
    traceA: Matrix,
    traceB: Matrix,
    dims: readonly [dimA: number, dimB: number],
  ): void;

  /** `out = scale * x^power` for a [1, 1] matrix, 0 where x is not positive. */
  scalarPower(out: Matrix, x: Scalar, power: number, scale?: number): void;

  /**
   * `out = min(1, sqrt(kl * (loss or 1) / (lr^2 innerProduct)))`, 1 where `lr` is 0 or the inner
   * product is not positive; all [1, 1] (Ba, Grosse & Martens 2017; the KL clip).
   */
  clipFactor(
    out: Matrix,
    innerProduct: Matrix,
    numbers: { readonly kl: number; readonly learningRate: number; readonly loss?: Matrix },
  ): void;
}

/** What a backend holds at the moment. */
export interface MemoryReport {
  /** Bytes of owned matrices and of scratch in use. */
  readonly liveBytes: number;
  /** Number of owned matrices not yet disposed. */
  readonly handles: number;
  /** Bytes the backend has taken from its host: a high-water mark where memory cannot shrink. */
  readonly reservedBytes: number;
}

/** An implementation that was considered. */
export interface Candidate {
  /** `"webgpu"`, `"wasm"` or `"reference"`. */
  readonly name: string;
  /** Why it was chosen, or was not. */
  readonly reason: string;
  /** Milliseconds that a step of the model took on it, where that was measured. */
  readonly stepMs?: number;
}

/** What was chosen, and why each other candidate was not. */
export interface BackendInfo {
  /** Name and flavour, such as `"wasm (relaxed SIMD)"`. */
  readonly description: string;
  /** Unit roundoff of its numbers: 2^-24 for float32, 2^-53 for float64. */
  readonly roundoff: number;
  /** What was chosen, and why; `undefined` for a backend that was made without a choice. */
  readonly chosen?: Candidate | undefined;
  /** Candidates that were passed over, each with its reason. */
  readonly rejected: readonly Candidate[];
}

/** Memory management of a backend. */
export interface Memory {
  /** A new matrix of zeros, owned by the caller. */
  alloc(rows: number, cols: number): OwnedMatrix;

  /**
   * A temporary matrix with unspecified content, given back by itself when the innermost
   * {@linkcode Memory.scope} ends.
   *
   * @throws {StateError} Outside a scope.
   */
  scratch(rows: number, cols: number): Matrix;

  /** Runs `body`; every scratch matrix taken inside is given back when it returns or throws. */
  scope<T>(body: () => T): T;

  /** Copies numbers, row by row, into a matrix. */
  write(m: Matrix, data: ArrayLike<number>): void;

  /** A copy of a matrix's numbers, row by row. The caller owns it. */
  read(m: Matrix): Promise<Float32Array | Float64Array>;

  /**
   * The same at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  readSync(m: Matrix): Float32Array | Float64Array;

  /** What is held at the moment. */
  memory(): MemoryReport;
}

/** Eigenproblems that are being solved beside what the caller does. */
export interface EighTicket {
  /** Whether {@linkcode EighTicket.finish} would return at once. */
  readonly ready: boolean;
  /** Returns when all results have been written. Further calls do nothing. */
  finish(): void;
}

/** How {@linkcode Backend.beginEigh} may go about it. */
export interface EighOptions {
  /**
   * Whether the problems may be solved by another processor than the backend's verbs, in other roundings,
   * if that keeps them from waiting: results then depend on the machine and its moment.
   *
   * @default {false}
   */
  readonly elsewhere?: boolean;
}

/** Copies between matrices and buffers of other code on the same GPU: nothing passes through the host. */
export interface GpuMemory {
  /** Where both live. */
  readonly device: GPUDevice;
  /**
   * Copies the first numbers of a buffer into a matrix, row by row. Everything that either side has
   * submitted is done before; what is submitted afterwards may overwrite the buffer.
   *
   * @param source Float32, with `COPY_SRC`.
   * @throws {StateError} When the matrix is disposed or of another backend.
   */
  copyFrom(target: Matrix, source: GPUBuffer): void;
  /**
   * Copies a matrix, row by row, to the beginning of a buffer, after everything enqueued so far.
   *
   * @param target With `COPY_DST`.
   * @throws {StateError} As {@linkcode GpuMemory.copyFrom}.
   */
  copyTo(target: GPUBuffer, source: Matrix): void;
}

/** Memory, verbs, and a name. Created by `createBackend`; the caller disposes it. */
export interface Backend extends Memory, Verbs, Disposable {
  /** `"wasm"`, `"reference"`. */
  readonly name: string;
  /** Whether verbs have finished when they return. */
  readonly sync: boolean;
  /** What was chosen and why. */
  readonly info: BackendInfo;
  /**
   * Starts {@linkcode Verbs.eigh} beside what follows, where the backend has a thread to spare; else the
   * problems are solved when the ticket is finished. Until then the jobs' matrices must be neither
   * written nor given back, and their results not read.
   */
  beginEigh(jobs: readonly EighJob[], options?: EighOptions): EighTicket;
  /** Resolves when everything enqueued so far is done. */
  flush(): Promise<void>;
  /** For code that shares the device; absent without a GPU, and where its loss is recovered from. */
  readonly gpu?: GpuMemory | undefined;
  /** Going on after the loss of the device, where that was asked for. */
  readonly recovery?: Recovery | undefined;
}
