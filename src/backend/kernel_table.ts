/**
 * One row per verb: the shapes of its arguments and the arithmetic it takes. The checks of
 * {@linkcode CheckedBackend}, the benches' GFLOP/s and the documentation all read this table.
 *
 * A shape is written `"rows, cols"`; a side is a product of sizes, as in `"N h w, C"`. Letters: N
 * examples, C channels, h and w height and width of an image, T locations, dIn inputs of a layer
 * with the homogeneous 1, dOut outputs, K outputs of a model; others are local to a row. An
 * argument whose name ends in `?` is not always there.
 *
 * @module
 */

import type { Verbs } from "./backend.ts";

/** Values of the letters in one call. */
export type Sizes = Readonly<Record<string, number>>;

/** A letter or a number in a product. */
export type Factor = string | number;

/** Both sides of a shape as products. */
export interface SymbolicShape {
  /** Factors of the number of rows. */
  readonly rows: readonly Factor[];
  /** Factors of the number of columns. */
  readonly cols: readonly Factor[];
}

/** What the table knows of a verb. */
export interface KernelRow<A extends string = string> {
  /** Shapes of the arguments by name, outputs first. */
  readonly shapes: Readonly<Record<A, SymbolicShape>>;
  /** Additions and multiplications of one call. */
  readonly flops: (sizes: Sizes) => number;
  /** Numbers that must cross the memory bus at least: every argument once. */
  readonly numbers: (sizes: Sizes) => number;
}

/** Names of the arguments of every verb, outputs first; `?` marks what is not always there. */
export type KernelArguments = {
  readonly gemm: "c" | "a" | "b";
  readonly secondMoment: "c" | "x" | "weights?";
  readonly rowSquaredNorms: "out" | "x";
  readonly squaredProjection:
    | "theta"
    | "outputGradients"
    | "inputs?"
    | "images?"
    | "basis.output?"
    | "basis.input?";
  readonly projectedMoments:
    | "moments"
    | "outputGradients"
    | "inputs?"
    | "images?"
    | "basis.output"
    | "basis.input";
  readonly lowRankDivide: "out" | "x" | "basis.output" | "basis.input" | "moments" | "damping?";
  readonly eigh: "vectors" | "values" | "status" | "matrix" | "previous?";
  readonly rotateInto: "out" | "x" | "basis.output" | "basis.input";
  readonly rotateBack: "out" | "x" | "basis.output" | "basis.input" | "eigenvalues?" | "damping?";
  readonly dampedDivide: "out" | "x" | "eigenvalues" | "damping?";
  readonly choleskyInverse: "out" | "status" | "x" | "scale?" | "shift?";
  readonly conv2d: "out" | "images" | "weights";
  readonly conv2dDataGradient: "out" | "g" | "weights";
  readonly conv2dWeightGradient: "out" | "images" | "g";
  readonly patches: "out" | "images";
  readonly patchSecondMoment: "c" | "images" | "weights?";
  readonly patchSquaredNorms: "out" | "images";
  readonly pool: "out" | "images";
  readonly poolGradient: "out" | "images" | "pooled" | "g";
  readonly columnMoments: "out" | "x";
  readonly batchNorm: "out" | "x" | "moments" | "weights";
  readonly batchNormSums: "out" | "x" | "g" | "moments";
  readonly batchNormGradient: "out" | "x" | "g" | "moments" | "weights" | "sums";
  readonly appendOnes: "out" | "x";
  readonly activation: "out" | "x";
  readonly activationGradient: "out" | "y" | "g";
  readonly loss: "losses" | "gradients" | "z" | "targets";
  readonly sampledLossGradient: "gradients" | "z" | "noise";
  readonly gaussNewtonGradient: "gradients" | "z" | "signs";
  readonly axpby: "y" | "x" | "alpha?" | "beta?";
  readonly squares: "out" | "x";
  readonly scaleRows: "out" | "x" | "weights";
  readonly adamDirection: "out" | "m" | "v" | "g";
  readonly dot: "out" | "x" | "y";
  readonly rowDots: "out" | "x" | "y";
  readonly stepProducts: "out" | "u" | "s" | "w";
  readonly sum: "out" | "x";
  readonly trace: "out" | "x";
  readonly allFinite: "out" | "x";
  readonly zeroUnless: "x" | "flag";
  readonly evaluate: `outputs.${string}` | `inputs.${string}`;
};

/** Parses `"N h w, C"`. */
export function parseShape(text: string): SymbolicShape {
  const factorOf = (word: string): Factor => /^\d+$/.test(word) ? Number(word) : word;
  const [rows, cols] = text.split(", ").map((side) => side.split(" ").map(factorOf));
  return { rows, cols };
}

function row<A extends string>(
  shapes: Readonly<Record<A, string>>,
  flops: (sizes: Sizes) => number,
): KernelRow<A> {
  const parsed = Object.entries<string>(shapes).map(([name, text]) =>
    [name, parseShape(text)] as const
  );
  const always = parsed.filter(([name]) => !name.endsWith("?")).map(([, shape]) => shape);
  const numbers = (sizes: Sizes): number =>
    always.reduce((sum, { rows, cols }) => sum + product(rows, sizes) * product(cols, sizes), 0);
  return {
    shapes: Object.fromEntries(parsed) as Record<A, SymbolicShape>,
    flops,
    numbers,
  };
}

/** The number a factor stands for, `undefined` for a letter without a value. */
export function valueOfFactor(factor: Factor, sizes: Sizes): number | undefined {
  return typeof factor === "number" ? factor : sizes[factor];
}

function product(factors: readonly Factor[], sizes: Sizes): number {
  return factors.reduce<number>((value, f) => value * (valueOfFactor(f, sizes) ?? NaN), 1);
}

/** Multiply-adds of one layer's gradient for all examples, counted as two operations each. */
const convolution = ({ N, T, dIn, dOut }: Sizes): number => 2 * N * T * dIn * dOut;
const rotation = ({ dIn, dOut }: Sizes): number => 2 * dIn * dOut * (dIn + dOut);

/** The table. Symmetric results count in full, transcendental functions as one operation. */
export const KERNEL_TABLE: { readonly [V in keyof Verbs]: KernelRow<KernelArguments[V]> } = {
  gemm: row({ c: "m, n", a: "m, k", b: "k, n" }, ({ m, n, k }) => 2 * m * n * k),
  secondMoment: row({ c: "d, d", x: "n, d", "weights?": "1, n" }, ({ n, d }) => n * d * d),
  rowSquaredNorms: row({ out: "1, n", x: "n, d" }, ({ n, d }) => 2 * n * d),
  squaredProjection: row(
    {
      theta: "dOut, dIn",
      outputGradients: "N T, dOut",
      "inputs?": "N, dIn",
      "images?": "N h w, C",
      "basis.output?": "dOut, dOut",
      "basis.input?": "dIn, dIn",
    },
    // The per-example gradients, and both rotations, of the captures or of the gradients.
    ({ N, T, dIn, dOut }) =>
      2 * N * (T * dOut * dIn + dIn ** 2 * Math.min(T, dOut) + dOut ** 2 * Math.min(T, dIn)),
  ),
  projectedMoments: row(
    {
      moments: "kOut+1, kIn+1",
      outputGradients: "N T, dOut",
      "inputs?": "N, dIn",
      "images?": "N h w, C",
      "basis.output": "kOut, dOut",
      "basis.input": "kIn, dIn",
    },
    ({ N, T, dIn, dOut, kIn, kOut }) => {
      const captures = dIn * kIn + dOut * kOut;
      if (T === 1) return 2 * N * (captures + (kIn + 1) * (kOut + 1));
      // The gradients, projected; or the captures, projected, and inner products of locations.
      const fromGradients = dOut * (dIn * (T + kIn + kOut) + kIn * kOut);
      const fromLocations = T * (captures + kIn * kOut + T * ((dIn + dOut) / 2 + kIn + kOut));
      return 2 * N * Math.min(fromGradients, fromLocations);
    },
  ),
  lowRankDivide: row(
    {
      out: "dOut, dIn",
      x: "dOut, dIn",
      "basis.output": "kOut, dOut",
      "basis.input": "kIn, dIn",
      moments: "kOut+1, kIn+1",
      "damping?": "1, 1",
    },
    // R and C, P and X Q_in, and the product of inner size kOut + kIn.
    ({ dIn, dOut, kIn, kOut }) => 4 * (dIn * dOut * (kOut + kIn) + kOut * kIn * dIn),
  ),
  eigh: row(
    { vectors: "n, n", values: "1, n", status: "1, 3", matrix: "n, n", "previous?": "n, n" },
    // Of tridiagonal QR with vectors (Golub & Van Loan 2013, section 8.3), whatever solver runs.
    ({ n }) => 9 * n ** 3,
  ),
  rotateInto: row(
    {
      out: "dOut, dIn",
      x: "dOut, dIn",
      "basis.output": "dOut, dOut",
      "basis.input": "dIn, dIn",
    },
    rotation,
  ),
  rotateBack: row(
    {
      out: "dOut, dIn",
      x: "dOut, dIn",
      "basis.output": "dOut, dOut",
      "basis.input": "dIn, dIn",
      "eigenvalues?": "dOut, dIn",
      "damping?": "1, 1",
    },
    rotation,
  ),
  dampedDivide: row(
    { out: "m, n", x: "m, n", eigenvalues: "m, n", "damping?": "1, 1" },
    ({ m, n }) => 2 * m * n,
  ),
  choleskyInverse: row(
    { out: "n, n", status: "1, 1", x: "n, n", "scale?": "1, 1", "shift?": "1, 1" },
    ({ n }) => n ** 3,
  ),
  conv2d: row({ out: "N T, dOut", images: "N h w, C", weights: "dOut, dIn" }, convolution),
  conv2dDataGradient: row({ out: "N h w, C", g: "N T, dOut", weights: "dOut, dIn" }, convolution),
  conv2dWeightGradient: row({ out: "dOut, dIn", images: "N h w, C", g: "N T, dOut" }, convolution),
  patches: row({ out: "N T, dIn", images: "N h w, C" }, () => 0),
  patchSecondMoment: row(
    { c: "dIn, dIn", images: "N h w, C", "weights?": "1, N T" },
    ({ N, T, dIn }) => N * T * dIn * dIn,
  ),
  patchSquaredNorms: row(
    { out: "1, N T", images: "N h w, C" },
    ({ N, T, dIn }) => 2 * N * T * dIn,
  ),
  pool: row({ out: "N T, C", images: "N h w, C" }, ({ N, T, C, taps }) => N * T * C * taps),
  poolGradient: row(
    { out: "N h w, C", images: "N h w, C", pooled: "N T, C", g: "N T, C" },
    ({ N, T, C, taps }) => N * T * C * taps,
  ),
  columnMoments: row({ out: "2, C", x: "n, C" }, ({ n, C }) => 4 * n * C),
  batchNorm: row(
    { out: "n, C", x: "n, C", moments: "2, C", weights: "2, C" },
    ({ n, C }) => 3 * n * C,
  ),
  batchNormSums: row(
    { out: "2, C", x: "n, C", g: "n, C", moments: "2, C" },
    ({ n, C }) => 4 * n * C,
  ),
  batchNormGradient: row(
    { out: "n, C", x: "n, C", g: "n, C", moments: "2, C", weights: "2, C", sums: "2, C" },
    ({ n, C }) => 5 * n * C,
  ),
  appendOnes: row({ out: "n, d+1", x: "n, d" }, () => 0),
  activation: row({ out: "m, n", x: "m, n" }, ({ m, n }) => m * n),
  activationGradient: row({ out: "m, n", y: "m, n", g: "m, n" }, ({ m, n }) => 2 * m * n),
  loss: row(
    { losses: "1, N", gradients: "N, K", z: "N, K", targets: "N, K" },
    ({ N, K }) => 5 * N * K,
  ),
  sampledLossGradient: row(
    { gradients: "N, K", z: "N, K", noise: "N, K" },
    ({ N, K }) => 5 * N * K,
  ),
  gaussNewtonGradient: row(
    { gradients: "N, K", z: "N, K", signs: "N, K" },
    ({ N, K }) => 6 * N * K,
  ),
  axpby: row(
    { y: "m, n", x: "m, n", "alpha?": "1, 1", "beta?": "1, 1" },
    ({ m, n }) => 3 * m * n,
  ),
  squares: row({ out: "m, n", x: "m, n" }, ({ m, n }) => 3 * m * n),
  scaleRows: row({ out: "n, d", x: "n, d", weights: "1, n" }, ({ n, d }) => n * d),
  adamDirection: row({ out: "k, l", m: "k, l", v: "k, l", g: "k, l" }, ({ k, l }) => 12 * k * l),
  dot: row({ out: "1, 1", x: "m, n", y: "m, n" }, ({ m, n }) => 2 * m * n),
  rowDots: row({ out: "1, n", x: "n, d", y: "n, d" }, ({ n, d }) => 2 * n * d),
  stepProducts: row({ out: "1, 3", u: "m, n", s: "m, n", w: "m, n" }, ({ m, n }) => 6 * m * n),
  sum: row({ out: "1, 1", x: "m, n" }, ({ m, n }) => m * n),
  trace: row({ out: "1, 1", x: "n, n" }, ({ n }) => n),
  allFinite: row({ out: "1, 1", x: "m, n" }, ({ m, n }) => m * n),
  zeroUnless: row({ x: "m, n", flag: "1, 1" }, ({ m, n }) => m * n),
  // A formula's own names take the place of these; its arithmetic is not counted.
  evaluate: row(
    {
      "outputs.number?": "1, 1",
      "outputs.vector?": "1, n",
      "inputs.number?": "1, 1",
      "inputs.vector?": "1, n",
    },
    () => 0,
  ),
};

/** Names of a verb's arguments, without the mark of the optional ones. */
export type ArgumentOf<V extends keyof Verbs> = KernelArguments[V] extends infer A
  ? (A extends `${infer Name}?` ? Name : A & string)
  : never;

/**
 * Additions and multiplications of one call of a verb.
 *
 * @param verb The verb.
 * @param sizes Values of the letters in its row of {@linkcode KERNEL_TABLE}.
 *
 * @example Work of a product of 2 x 3 by 3 x 4
 * ```ts
 * import assert from "node:assert/strict";
 * import { bytesOf, flopsOf, parseShape, valueOfFactor } from "@tekfac/tekfac/backend";
 *
 * const sizes = { m: 2, n: 4, k: 3 };
 * assert.equal(flopsOf("gemm", sizes), 2 * 2 * 4 * 3);
 * assert.equal(bytesOf("gemm", sizes), 4 * (2 * 4 + 2 * 3 + 3 * 4));
 *
 * const { rows } = parseShape("N h w, C");
 * assert.deepEqual(rows, ["N", "h", "w"]);
 * assert.equal(valueOfFactor(rows[0], { N: 5 }), 5);
 * ```
 */
export function flopsOf(verb: keyof Verbs, sizes: Sizes): number {
  return KERNEL_TABLE[verb].flops(sizes);
}

/**
 * Bytes that one call of a verb must move at least: each argument once, optional ones not counted.
 *
 * @param verb The verb.
 * @param sizes Values of the letters in its row of {@linkcode KERNEL_TABLE}.
 * @param bytesPerElement Bytes per number. @default {4}
 */
export function bytesOf(verb: keyof Verbs, sizes: Sizes, bytesPerElement = 4): number {
  return bytesPerElement * KERNEL_TABLE[verb].numbers(sizes);
}
