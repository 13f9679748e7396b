/**
 * The public backend around an implementation: every call is checked once, here, so that kernels
 * need no checks of their own.
 *
 * @module
 */

import type * as api from "../backend.ts";
import type { Expression, Formula, Rank } from "../../core/formula.ts";
import type { ConvGeometry, Window } from "../../core/geometry.ts";
import type { Matrix } from "../../core/matrix.ts";
import { resolveBlend, resolveSecondMoment, sizesOf, windowSizes } from "./call_defaults.ts";
import { CheckedCurvature } from "./checked_curvature.ts";
import { parseShape } from "../kernel_table.ts";
import type { Kernels } from "../kernels.ts";

/** Shapes of arguments that depend on an option. */
const TRANSPOSED_A = parseShape("k, m");
const TRANSPOSED_B = parseShape("n, k");
const ONE_PER_EXAMPLE = parseShape("1, N");
const FORMULA_SHAPES = { number: parseShape("1, 1"), vector: parseShape("1, n") };

/**
 * Wraps `Kernels` into a {@linkcode Backend}: checks liveness and shapes, resolves the
 * defaults of options, and counts what is held.
 *
 * Every verb throws `ShapeError` when a shape does not fit, naming verb and argument, and
 * `StateError` when a matrix is disposed or of another backend, or when this backend is disposed.
 * Nothing has been written then.
 *
 * @example Kernels behind checks
 * ```ts
 * import assert from "node:assert/strict";
 * import { CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
 *
 * using backend = new CheckedBackend(createWasmKernels(), []);
 * using a = backend.alloc(1, 2);
 * using b = backend.alloc(3, 1);
 * assert.throws(() => backend.squares(a, b), /expected/);
 * ```
 */
export class CheckedBackend extends CheckedCurvature implements api.Backend {
  /** See {@linkcode Verbs.gemm}. */
  gemm(c: Matrix, a: Matrix, b: Matrix, options: api.GemmOptions = {}): void {
    const { transposeA = false, transposeB = false, alpha = 1, beta = 0 } = options;
    this.check("gemm").output("c", c)
      .input("a", a, transposeA ? TRANSPOSED_A : undefined)
      .input("b", b, transposeB ? TRANSPOSED_B : undefined);
    this.kernels().gemm(c, a, b, { transposeA, transposeB, alpha, beta });
  }

  /** See {@linkcode Verbs.secondMoment}. */
  secondMoment(c: Matrix, x: Matrix, options?: api.SecondMomentOptions): void {
    this.check("secondMoment").output("c", c).input("x", x).optional("weights", options?.weights);
    this.kernels().secondMoment(c, x, resolveSecondMoment(options));
  }

  /** See {@linkcode Verbs.rowSquaredNorms}. */
  rowSquaredNorms(out: Matrix, x: Matrix): void {
    this.check("rowSquaredNorms").output("out", out).input("x", x);
    this.kernels().rowSquaredNorms(out, x);
  }

  /** See {@linkcode Verbs.eigh}. */
  eigh(jobs: readonly api.EighJob[]): void {
    this.kernels().eigh(this.#checkEigh(jobs));
  }

  /** See {@linkcode Backend.beginEigh}. */
  beginEigh(jobs: readonly api.EighJob[], options: api.EighOptions = {}): api.EighTicket {
    const kernels = this.kernels();
    const checked = this.#checkEigh(jobs);
    return kernels.beginEigh?.(checked, options) ?? solvedWhenFinished(kernels, checked);
  }

  #checkEigh(jobs: readonly api.EighJob[]): readonly api.EighJob[] {
    for (const { vectors, values, status, matrix, previous } of jobs) {
      this.check("eigh").output("vectors", vectors).output("values", values)
        .output("status", status).input("matrix", matrix).optional("previous", previous);
    }
    return jobs.map((job) => ({ ...job, staleness: job.staleness ?? 0 }));
  }

  /** See {@linkcode Verbs.choleskyInverse}. */
  choleskyInverse(
    out: Matrix,
    x: Matrix,
    scale: api.Scalar,
    shift: api.Scalar,
    status: Matrix,
  ): void {
    this.check("choleskyInverse").output("out", out).output("status", status)
      .input("x", x).scalar("scale", scale).scalar("shift", shift);
    this.kernels().choleskyInverse(out, x, scale, shift, status);
  }

  /** See {@linkcode Verbs.conv2d}. */
  conv2d(out: Matrix, images: Matrix, weights: Matrix, geometry: ConvGeometry): void {
    this.check("conv2d", sizesOf(geometry)).output("out", out)
      .input("images", images).input("weights", weights);
    this.kernels().conv2d(out, images, weights, geometry);
  }

  /** See {@linkcode Verbs.conv2dDataGradient}. */
  conv2dDataGradient(out: Matrix, g: Matrix, weights: Matrix, geometry: ConvGeometry): void {
    this.check("conv2dDataGradient", sizesOf(geometry)).output("out", out)
      .input("g", g).input("weights", weights);
    this.kernels().conv2dDataGradient(out, g, weights, geometry);
  }

  /** See {@linkcode Verbs.conv2dWeightGradient}. */
  conv2dWeightGradient(
    out: Matrix,
    images: Matrix,
    g: Matrix,
    geometry: ConvGeometry,
    blend?: api.Blend,
  ): void {
    this.check("conv2dWeightGradient", sizesOf(geometry)).output("out", out)
      .input("images", images).input("g", g);
    this.kernels().conv2dWeightGradient(out, images, g, geometry, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.patches}. */
  patches(out: Matrix, images: Matrix, geometry: ConvGeometry): void {
    this.check("patches", sizesOf(geometry)).output("out", out).input("images", images);
    this.kernels().patches(out, images, geometry);
  }

  /** See {@linkcode Verbs.patchSecondMoment}. */
  patchSecondMoment(
    c: Matrix,
    images: Matrix,
    geometry: ConvGeometry,
    options?: api.SecondMomentOptions,
  ): void {
    this.check("patchSecondMoment", sizesOf(geometry)).output("c", c)
      .input("images", images).optional("weights", options?.weights);
    this.kernels().patchSecondMoment(c, images, geometry, resolveSecondMoment(options));
  }

  /** See {@linkcode Verbs.patchSquaredNorms}. */
  patchSquaredNorms(out: Matrix, images: Matrix, geometry: ConvGeometry): void {
    this.check("patchSquaredNorms", sizesOf(geometry)).output("out", out).input("images", images);
    this.kernels().patchSquaredNorms(out, images, geometry);
  }

  /** See {@linkcode Verbs.pool}. */
  pool(kind: api.Pooling, out: Matrix, images: Matrix, window: Window): void {
    this.check("pool", windowSizes(window)).output("out", out).input("images", images);
    this.kernels().pool(kind, out, images, window);
  }

  /** See {@linkcode Verbs.poolGradient}. */
  poolGradient(
    kind: api.Pooling,
    out: Matrix,
    images: Matrix,
    pooled: Matrix,
    g: Matrix,
    window: Window,
  ): void {
    this.check("poolGradient", windowSizes(window)).output("out", out)
      .input("images", images).input("pooled", pooled).input("g", g);
    this.kernels().poolGradient(kind, out, images, pooled, g, window);
  }

  /** See {@linkcode Verbs.columnMoments}. */
  columnMoments(out: Matrix, x: Matrix): void {
    this.check("columnMoments").output("out", out).input("x", x);
    this.kernels().columnMoments(out, x);
  }

  /** See {@linkcode Verbs.batchNorm}. */
  batchNorm(out: Matrix, x: Matrix, moments: Matrix, weights: Matrix, epsilon: number): void {
    this.check("batchNorm").output("out", out).input("x", x).input("moments", moments)
      .input("weights", weights);
    this.kernels().batchNorm(out, x, moments, weights, epsilon);
  }

  /** See {@linkcode Verbs.batchNormSums}. */
  batchNormSums(out: Matrix, x: Matrix, g: Matrix, moments: Matrix, epsilon: number): void {
    this.check("batchNormSums").output("out", out).input("x", x).input("g", g)
      .input("moments", moments);
    this.kernels().batchNormSums(out, x, g, moments, epsilon);
  }

  /** See {@linkcode Verbs.batchNormGradient}. */
  batchNormGradient(
    out: Matrix,
    x: Matrix,
    g: Matrix,
    moments: Matrix,
    weights: Matrix,
    sums: Matrix,
    epsilon: number,
  ): void {
    this.check("batchNormGradient").output("out", out).input("x", x).input("g", g)
      .input("moments", moments).input("weights", weights).input("sums", sums);
    this.kernels().batchNormGradient(out, x, g, moments, weights, sums, epsilon);
  }

  /** See {@linkcode Verbs.appendOnes}. */
  appendOnes(out: Matrix, x: Matrix): void {
    this.check("appendOnes", { d: x.cols, "d+1": x.cols + 1 }).output("out", out).input("x", x);
    this.kernels().appendOnes(out, x);
  }

  /** See {@linkcode Verbs.activation}. */
  activation(kind: api.Activation, out: Matrix, x: Matrix): void {
    this.check("activation").output("out", out).input("x", x, undefined, true);
    this.kernels().activation(kind, out, x);
  }

  /** See {@linkcode Verbs.activationGradient}. */
  activationGradient(kind: api.Activation, out: Matrix, y: Matrix, g: Matrix): void {
    this.check("activationGradient").output("out", out).input("y", y)
      .input("g", g, undefined, true);
    this.kernels().activationGradient(kind, out, y, g);
  }

  /** See {@linkcode Verbs.loss}. */
  loss(kind: api.LossKind, losses: Matrix, gradients: Matrix, z: Matrix, targets: Matrix): void {
    this.check("loss").output("losses", losses).output("gradients", gradients).input("z", z)
      .input("targets", targets, kind === "softmaxCrossEntropy" ? ONE_PER_EXAMPLE : undefined);
    this.kernels().loss(kind, losses, gradients, z, targets);
  }

  /** See {@linkcode Verbs.sampledLossGradient}. */
  sampledLossGradient(kind: api.LossKind, gradients: Matrix, z: Matrix, noise: Matrix): void {
    this.check("sampledLossGradient").output("gradients", gradients).input("z", z)
      .input("noise", noise, kind === "softmaxCrossEntropy" ? ONE_PER_EXAMPLE : undefined);
    this.kernels().sampledLossGradient(kind, gradients, z, noise);
  }

  /** See {@linkcode Verbs.gaussNewtonGradient}. */
  gaussNewtonGradient(kind: api.LossKind, gradients: Matrix, z: Matrix, signs: Matrix): void {
    this.check("gaussNewtonGradient").output("gradients", gradients).input("z", z)
      .input("signs", signs);
    this.kernels().gaussNewtonGradient(kind, gradients, z, signs);
  }

  /** See {@linkcode Verbs.axpby}. */
  axpby(y: Matrix, alpha: api.Scalar, x: Matrix, beta: api.Scalar): void {
    this.check("axpby").output("y", y).input("x", x, undefined, true)
      .scalar("alpha", alpha).scalar("beta", beta);
    this.kernels().axpby(y, alpha, x, beta);
  }

  /** See {@linkcode Verbs.squares}. */
  squares(out: Matrix, x: Matrix, blend?: api.Blend): void {
    const resolved = resolveBlend(blend);
    this.check("squares").output("out", out).input("x", x, undefined, resolved.decay === 0);
    this.kernels().squares(out, x, resolved);
  }

  /** See {@linkcode Verbs.scaleRows}. */
  scaleRows(out: Matrix, x: Matrix, weights: Matrix): void {
    this.check("scaleRows").output("out", out).input("x", x, undefined, true)
      .input("weights", weights);
    this.kernels().scaleRows(out, x, weights);
  }

  /** See {@linkcode Verbs.adamDirection}. */
  adamDirection(out: Matrix, m: Matrix, v: Matrix, g: Matrix, numbers: api.AdamNumbers): void {
    this.check("adamDirection").output("out", out).output("m", m).output("v", v).input("g", g);
    this.kernels().adamDirection(out, m, v, g, numbers);
  }

  /** See {@linkcode Verbs.dot}. */
  dot(out: Matrix, x: Matrix, y: Matrix, blend?: api.Blend): void {
    this.check("dot").output("out", out).input("x", x).input("y", y);
    this.kernels().dot(out, x, y, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.rowDots}. */
  rowDots(out: Matrix, x: Matrix, y: Matrix, blend?: api.Blend): void {
    this.check("rowDots").output("out", out).input("x", x).input("y", y);
    this.kernels().rowDots(out, x, y, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.stepProducts}. */
  stepProducts(out: Matrix, u: Matrix, s: Matrix, w: Matrix): void {
    this.check("stepProducts").output("out", out).input("u", u).input("s", s).input("w", w);
    this.kernels().stepProducts(out, u, s, w);
  }

  /** See {@linkcode Verbs.sum}. */
  sum(out: Matrix, x: Matrix, blend?: api.Blend): void {
    this.check("sum").output("out", out).input("x", x);
    this.kernels().sum(out, x, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.trace}. */
  trace(out: Matrix, x: Matrix, blend?: api.Blend): void {
    this.check("trace").output("out", out).input("x", x);
    this.kernels().trace(out, x, resolveBlend(blend));
  }

  /** See {@linkcode Verbs.allFinite}. */
  allFinite(out: Matrix, x: Matrix): void {
    this.check("allFinite").output("out", out).input("x", x);
    this.kernels().allFinite(out, x);
  }

  /** See {@linkcode Verbs.zeroUnless}. */
  zeroUnless(x: Matrix, flag: Matrix): void {
    this.check("zeroUnless").output("x", x).input("flag", flag);
    this.kernels().zeroUnless(x, flag);
  }

  /** See {@linkcode Verbs.evaluate}. */
  evaluate<I extends Readonly<Record<string, Rank>>, O extends string>(
    formula: Formula<I, O>,
    inputs: { readonly [K in keyof I]: I[K] extends "vector" ? Matrix : api.Scalar },
    outputs: Readonly<Record<NoInfer<O>, Matrix>>,
  ): void {
    const check = this.check("evaluate");
    for (const [name, { rank }] of Object.entries<Expression>(formula.outputs)) {
      check.output(`outputs.${name}`, outputs[name as O], FORMULA_SHAPES[rank]);
    }
    for (const [name, rank] of Object.entries<Rank>(formula.inputs)) {
      const value: api.Scalar = inputs[name];
      if (typeof value === "number" && rank === "number") continue;
      check.input(`inputs.${name}`, value as Matrix, FORMULA_SHAPES[rank], true);
    }
    this.kernels().evaluate(formula, inputs, outputs);
  }
}

/** A ticket without a thread: the work is done when its result is wanted. */
function solvedWhenFinished(kernels: Kernels, jobs: readonly api.EighJob[]): api.EighTicket {
  let ready = false;
  return {
    get ready(): boolean {
      return ready;
    },
    finish(): void {
      if (!ready) kernels.eigh(jobs);
      ready = true;
    },
  };
}
