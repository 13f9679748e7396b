/**
 * The verbs of a backend by their definitions: an adapter between views and `linalg`, for tests and
 * as the last resort where WebAssembly SIMD is missing.
 *
 * @module
 */

import type { KroneckerCapture } from "../../core/capture.ts";
import type { ConvGeometry, SlidingWindow } from "../../core/geometry.ts";
import type { Formula } from "../../core/formula.ts";
import type { Matrix } from "../../core/matrix.ts";
import * as linalg from "../../linalg/mod.ts";
import type * as api from "../backend.ts";
import type { Kernels } from "../kernels.ts";
import { aside } from "./aside.ts";
import { referenceDepthwise } from "./depthwise.ts";
import { solveEigh } from "./eigh.ts";
import { referenceSequences } from "./sequences.ts";
import { gather, numberOf, ReferenceStorage, scatter } from "./storage.ts";

/**
 * Creates the reference implementation: float64, synchronous, slow.
 *
 * @example Float64 all the way
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedBackend, createReferenceKernels } from "@tekfac/tekfac/backend";
 *
 * using backend = new CheckedBackend(createReferenceKernels(), []);
 * assert.equal(backend.info.roundoff, 2 ** -53);
 * ```
 */
export function createReferenceKernels(): Kernels {
  return Object.assign(new ReferenceKernels(), referenceSequences, referenceDepthwise);
}

class ReferenceKernels
  implements Omit<Kernels, keyof api.SequenceVerbs | keyof api.DepthwiseVerbs> {
  readonly name = "reference";
  readonly sync = true;
  readonly info = { description: "reference (float64 TypeScript)", roundoff: 2 ** -53 };
  readonly bytesPerElement = 8;
  readonly aside = aside;
  readonly #scopes: ReferenceStorage[][] = [];
  #liveBytes = 0;

  /** What lives at the moment: the garbage collector takes the rest back. */
  get reservedBytes(): number {
    return this.#liveBytes;
  }

  allocate(length: number): ReferenceStorage {
    this.#liveBytes += length * this.bytesPerElement;
    return new ReferenceStorage(length);
  }

  free(storage: ReferenceStorage): void {
    this.#liveBytes -= storage.length * this.bytesPerElement;
    storage.release();
  }

  pushScope(): void {
    this.#scopes.push([]);
  }

  /** Filled with NaN, so that reading what was never written shows. */
  scratch(length: number): ReferenceStorage {
    const storage = new ReferenceStorage(length, NaN);
    this.#liveBytes += length * this.bytesPerElement;
    this.#scopes[this.#scopes.length - 1].push(storage);
    return storage;
  }

  popScope(): void {
    for (const storage of this.#scopes.pop() ?? []) this.free(storage);
  }

  write(m: Matrix, data: ArrayLike<number>): void {
    scatter(m, data);
  }

  read(m: Matrix): Promise<Float64Array> {
    return Promise.resolve(this.readSync(m));
  }

  readSync(m: Matrix): Float64Array {
    return gather(m).data;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    while (this.#scopes.length > 0) this.popScope();
  }

  gemm(c: Matrix, a: Matrix, b: Matrix, options: api.GemmOptions = {}): void {
    const { alpha: scale = 1, beta: decay = 0 } = options;
    scatter(c, linalg.gemm(gather(a), gather(b), options).data, { decay, scale });
  }

  secondMoment(c: Matrix, x: Matrix, options?: api.SecondMomentOptions): void {
    scatterMoment(c, gather(x), options);
  }

  rowSquaredNorms(out: Matrix, x: Matrix): void {
    scatter(out, linalg.rowSquaredNorms(gather(x)).data);
  }

  squaredProjection(
    theta: Matrix,
    capture: KroneckerCapture,
    basis?: api.Basis,
    blend?: api.Blend,
  ): void {
    // Of no examples the sum is zero, but still has a shape.
    const none = linalg.denseMatrix(theta.rows, theta.cols);
    scatter(
      theta,
      linalg.squaredProjection([none, ...gradientsOf(capture)], basis && gatherBasis(basis)).data,
      blend,
    );
  }

  projectedMoments(
    moments: Matrix,
    capture: KroneckerCapture,
    basis: api.RowBasis,
    blend?: api.Blend,
  ): void {
    scatter(moments, linalg.projectedMoments(gradientsOf(capture), gatherBasis(basis)).data, blend);
  }

  lowRankDivide(
    out: Matrix,
    x: Matrix,
    basis: api.RowBasis,
    { moments, damping, exponent = 1 }: api.LowRankDivision,
  ): void {
    const [lambda, directions] = [numberOf(damping), gatherBasis(basis)];
    scatter(
      out,
      linalg.lowRankDivide(gather(x), directions, gather(moments), lambda, exponent).data,
    );
  }

  eigh(jobs: readonly api.EighJob[]): void {
    for (const job of jobs) solveEigh(job);
  }

  rotateInto(out: Matrix, x: Matrix, basis: api.Basis): void {
    scatter(out, linalg.rotateInto(gather(x), gatherBasis(basis)).data);
  }

  rotateBack(
    out: Matrix,
    x: Matrix,
    basis: api.Basis,
    division?: api.DampedDivision,
  ): void {
    const inside = division ? divided(x, division) : gather(x);
    scatter(out, linalg.rotateBack(inside, gatherBasis(basis)).data);
  }

  dampedDivide(out: Matrix, x: Matrix, division: api.DampedDivision): void {
    scatter(out, divided(x, division).data);
  }

  choleskyInverse(
    out: Matrix,
    x: Matrix,
    scale: api.Scalar,
    shift: api.Scalar,
    status: Matrix,
  ): void {
    const inverse = linalg.choleskyInverse(gather(x), numberOf(scale), numberOf(shift));
    if (inverse) scatter(out, inverse.data);
    scatter(status, [inverse ? 1 : 0]);
  }

  conv2d(out: Matrix, images: Matrix, weights: Matrix, geometry: ConvGeometry): void {
    scatter(out, linalg.conv2d(gather(images), gather(weights), geometry).data);
  }

  conv2dDataGradient(out: Matrix, g: Matrix, weights: Matrix, geometry: ConvGeometry): void {
    scatter(out, linalg.conv2dDataGradient(gather(g), gather(weights), geometry).data);
  }

  conv2dWeightGradient(
    out: Matrix,
    images: Matrix,
    g: Matrix,
    geometry: ConvGeometry,
    blend?: api.Blend,
  ): void {
    scatter(out, linalg.conv2dWeightGradient(gather(images), gather(g), geometry).data, blend);
  }

  patches(out: Matrix, images: Matrix, geometry: ConvGeometry): void {
    scatter(out, linalg.patches(gather(images), geometry).data);
  }

  patchSecondMoment(
    c: Matrix,
    images: Matrix,
    geometry: ConvGeometry,
    options?: api.SecondMomentOptions,
  ): void {
    scatterMoment(c, linalg.patches(gather(images), geometry), options);
  }

  patchSquaredNorms(out: Matrix, images: Matrix, geometry: ConvGeometry): void {
    scatter(out, linalg.rowSquaredNorms(linalg.patches(gather(images), geometry)).data);
  }

  pool(kind: api.Pooling, out: Matrix, images: Matrix, window: SlidingWindow): void {
    const pool = kind === "max" ? linalg.maxPool : linalg.averagePool;
    scatter(out, pool(gather(images), window).data);
  }

  poolGradient(
    kind: api.Pooling,
    out: Matrix,
    images: Matrix,
    _pooled: Matrix,
    g: Matrix,
    window: SlidingWindow,
  ): void {
    const gradient = kind === "max"
      ? linalg.maxPoolGradient(gather(images), gather(g), window)
      : linalg.averagePoolGradient(gather(g), window);
    scatter(out, gradient.data);
  }

  columnMoments(out: Matrix, x: Matrix): void {
    scatter(out, linalg.columnMoments(gather(x)).data);
  }

  batchNorm(out: Matrix, x: Matrix, moments: Matrix, weights: Matrix, epsilon: number): void {
    scatter(out, linalg.batchNorm(gather(x), gather(moments), gather(weights), epsilon).data);
  }

  batchNormSums(out: Matrix, x: Matrix, g: Matrix, moments: Matrix, epsilon: number): void {
    scatter(out, linalg.batchNormSums(gather(x), gather(g), gather(moments), epsilon).data);
  }

  batchNormGradient(
    out: Matrix,
    x: Matrix,
    g: Matrix,
    moments: Matrix,
    weights: Matrix,
    sums: Matrix,
    epsilon: number,
  ): void {
    // deno-fmt-ignore
    const gradient = linalg.batchNormGradient(
      gather(x), gather(g), gather(moments), gather(weights), gather(sums), epsilon,
    );
    scatter(out, gradient.data);
  }

  appendOnes(out: Matrix, x: Matrix): void {
    scatter(out, linalg.appendOnes(gather(x)).data);
  }

  activation(kind: api.Activation, out: Matrix, x: Matrix): void {
    scatter(out, linalg.activation(kind, gather(x)).data);
  }

  activationGradient(kind: api.Activation, out: Matrix, y: Matrix, g: Matrix): void {
    scatter(out, linalg.activationGradient(kind, gather(y), gather(g)).data);
  }

  loss(
    kind: api.LossKind,
    losses: Matrix,
    gradients: Matrix,
    z: Matrix,
    targets: Matrix,
    parameter?: number,
  ): void {
    const result = linalg.loss(kind, gather(z), gather(targets), parameter);
    scatter(losses, result.losses.data);
    scatter(gradients, result.gradients.data);
  }

  sampledLossGradient(kind: api.LossKind, gradients: Matrix, z: Matrix, noise: Matrix): void {
    scatter(gradients, linalg.sampledLossGradient(kind, gather(z), gather(noise)).data);
  }

  gaussNewtonGradient(kind: api.LossKind, gradients: Matrix, z: Matrix, signs: Matrix): void {
    scatter(gradients, linalg.gaussNewtonGradient(kind, gather(z), gather(signs)).data);
  }

  axpby(y: Matrix, alpha: api.Scalar, x: Matrix, beta: api.Scalar): void {
    aside.axpby([y], y, alpha, x, beta);
  }

  takeStep(
    w: Matrix,
    rate: api.Scalar,
    u: Matrix,
    decay: api.Scalar,
    columns: number,
  ): void {
    aside.takeStep([w], w, rate, u, decay, columns);
  }

  squares(out: Matrix, x: Matrix, blend?: api.Blend): void {
    scatter(out, linalg.squares(gather(x)).data, blend);
  }

  scaleRows(out: Matrix, x: Matrix, weights: Matrix): void {
    scatter(out, linalg.scaleRows(gather(x), gather(weights)).data);
  }

  adamDirection(out: Matrix, m: Matrix, v: Matrix, g: Matrix, numbers: api.AdamNumbers): void {
    aside.adamDirection([out, m, v], out, m, v, g, numbers);
  }

  dot(out: Matrix, x: Matrix, y: Matrix, blend?: api.Blend): void {
    scatter(out, [linalg.dot(gather(x), gather(y))], blend);
  }

  rowDots(out: Matrix, x: Matrix, y: Matrix, blend?: api.Blend): void {
    scatter(out, linalg.rowDots(gather(x), gather(y)).data, blend);
  }

  stepProducts(out: Matrix, u: Matrix, s: Matrix, w: Matrix): void {
    scatter(out, linalg.stepProducts(gather(u), gather(s), gather(w)).data);
  }

  sum(out: Matrix, x: Matrix, blend?: api.Blend): void {
    scatter(out, [linalg.sum(gather(x))], blend);
  }

  trace(out: Matrix, x: Matrix, blend?: api.Blend): void {
    scatter(out, [linalg.trace(gather(x))], blend);
  }

  allFinite(out: Matrix, x: Matrix): void {
    scatter(out, [linalg.allFinite(gather(x)) ? 1 : 0]);
  }

  zeroUnless(x: Matrix, flag: Matrix): void {
    scatter(x, linalg.zeroUnless(gather(x), numberOf(flag) !== 0).data);
  }

  evaluate(
    formula: Formula,
    inputs: Readonly<Record<string, api.Scalar>>,
    outputs: Readonly<Record<string, Matrix>>,
  ): void {
    const values = Object.entries(inputs).map(([name, input]) => [
      name,
      typeof input === "number" ? input : gather(input).data,
    ]);
    const results = linalg.evaluate(formula, Object.fromEntries(values));
    for (const [name, out] of Object.entries(outputs)) scatter(out, results[name]);
  }
}

/** Adds a second moment and flushes what float32 would hold as a denormal. */
function scatterMoment(
  c: Matrix,
  x: linalg.DenseMatrix,
  { weights, ...blend }: api.SecondMomentOptions = {},
): void {
  scatter(c, linalg.secondMoment(x, weights && gather(weights).data).data, blend);
  const smallestNormal = 2 ** -126;
  scatter(c, gather(c).data.map((value) => Math.abs(value) < smallestNormal ? 0 : value));
}

function divided(x: Matrix, division: api.DampedDivision): linalg.DenseMatrix {
  const { eigenvalues, damping, exponent = 1 } = division;
  return linalg.dampedDivide(gather(x), gather(eigenvalues), numberOf(damping), exponent);
}

function gradientsOf(capture: KroneckerCapture): linalg.DenseMatrix[] {
  const inputs = capture.kind === "dense"
    ? gather(capture.inputs)
    : linalg.patches(gather(capture.images), capture.geometry);
  return linalg.perExampleGradients(inputs, gather(capture.outputGradients), capture.examples);
}

function gatherBasis(basis: api.Basis): linalg.DenseBasis {
  return { output: gather(basis.output), input: gather(basis.input) };
}
