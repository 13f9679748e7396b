/**
 * One row per verb: what a call takes, who of it is written, the shapes, and the arithmetic. The checks of
 * {@linkcode CheckedBackend}, what wraps all verbs, calls made up for tests, and the benches' GFLOP/s all
 * come from this table.
 *
 * A shape is written `"rows, cols"`; a side is a product of sizes, as in `"N h w, C"`. Letters: N
 * examples, C channels, h and w height and width of an image, T locations, dIn inputs of a layer
 * with the homogeneous 1, dOut outputs, K outputs of a model; others are local to a row.
 *
 * @module
 */

import { parseShape, sidesOf, type Sizes, type SymbolicShape } from "./symbolic_shape.ts";
import type { Verbs } from "./verbs.ts";

/** What a call does with a matrix, and its shape. */
export interface Operand {
  /** Its shape. */
  readonly shape: SymbolicShape;
  /** The shape where a part of the call, such as `"options.transposeA"`, has this value. */
  readonly otherwise?: readonly [shape: SymbolicShape, part: string, value: unknown];
  /** Whether it is written. @default {only read} */
  readonly written?: boolean;
  /** Whether it may be the very matrix that is written: always, or where a part of the call is 0 or left out. */
  readonly inPlace?: true | string;
  /** Whether it may be left out. @default {false} */
  readonly optional?: boolean;
  /** Whether it may be a number. @default {false} */
  readonly scalar?: boolean;
}

/** What the table knows of a verb. */
export interface KernelRow {
  /** Names of the arguments of a call, in order. */
  readonly call: readonly string[];
  /**
   * The matrices of a call in the order in which they are checked, outputs first, by the argument or the
   * field of one that holds them: `"basis.output"`.
   */
  readonly operands: Readonly<Record<string, Operand>>;
  /** Whether an argument is or holds matrices, for each of them. */
  readonly holders: readonly boolean[];
  /** Additions and multiplications of one call. */
  readonly flops: (sizes: Sizes) => number;
}

/** A matrix that is written. */
function written(shape: string): Operand {
  return { shape: parseShape(shape), written: true };
}

/** A matrix that is only read. */
function read(
  shape: string,
  [instead, part, value]: readonly [string?, string?, unknown?] = [],
): Operand {
  const plain = { shape: parseShape(shape) };
  return instead ? { ...plain, otherwise: [parseShape(instead), part!, value] } : plain;
}

/** One that may be left out. */
function optional(shape: string): Operand {
  return { shape: parseShape(shape), optional: true };
}

/** One that may be the output itself; with `part`, only where that part of the call is 0. */
function inPlace(shape: string, part: true | string = true): Operand {
  return { shape: parseShape(shape), inPlace: part };
}

/** A number, or a matrix of one. */
const SCALAR: Operand = { shape: parseShape("1, 1"), scalar: true };

function row(
  call: string,
  operands: Readonly<Record<string, Operand>>,
  flops: (sizes: Sizes) => number,
): KernelRow {
  const names = call.split(" ");
  const held = Object.keys(operands).map((name) => name.split(".")[0]);
  return { call: names, operands, holders: names.map((name) => held.includes(name)), flops };
}

/** The captures of a layer: of a dense one its inputs, of a convolution its images. */
const CAPTURE = {
  "capture.outputGradients": read("N T, dOut"),
  "capture.inputs": optional("N, dIn"),
  "capture.images": optional("N h w, C"),
};

const BASIS = { "basis.output": read("dOut, dOut"), "basis.input": read("dIn, dIn") };

const ROW_BASIS = { "basis.output": read("kOut, dOut"), "basis.input": read("kIn, dIn") };

/** Multiply-adds of one layer's gradient for all examples, counted as two operations each. */
const convolution = ({ N, T, dIn, dOut }: Sizes): number => 2 * N * T * dIn * dOut;
const rotation = ({ dIn, dOut }: Sizes): number => 2 * dIn * dOut * (dIn + dOut);

/** The table. Symmetric results count in full, transcendental functions as one operation. */
export const KERNEL_TABLE: { readonly [V in keyof Verbs]: KernelRow } = {
  gemm: row("c a b options", {
    c: written("m, n"),
    a: read("m, k", ["k, m", "options.transposeA", true]),
    b: read("k, n", ["n, k", "options.transposeB", true]),
  }, ({ m, n, k }) => 2 * m * n * k),
  secondMoment: row("c x options", {
    c: written("d, d"),
    x: read("n, d"),
    "options.weights": optional("1, n"),
  }, ({ n, d }) => n * d * d),
  rowSquaredNorms: row("out x", { out: written("1, n"), x: read("n, d") }, ({ n, d }) => 2 * n * d),
  squaredProjection: row(
    "theta capture basis blend",
    {
      theta: written("dOut, dIn"),
      ...CAPTURE,
      "basis.output": optional("dOut, dOut"),
      "basis.input": optional("dIn, dIn"),
    },
    // The per-example gradients, and both rotations, of the captures or of the gradients.
    ({ N, T, dIn, dOut }) =>
      2 * N * (T * dOut * dIn + dIn ** 2 * Math.min(T, dOut) + dOut ** 2 * Math.min(T, dIn)),
  ),
  projectedMoments: row("moments capture basis blend", {
    moments: written("kOut+1, kIn+1"),
    ...CAPTURE,
    ...ROW_BASIS,
  }, ({ N, T, dIn, dOut, kIn, kOut }) => {
    const captures = dIn * kIn + dOut * kOut;
    if (T === 1) return 2 * N * (captures + (kIn + 1) * (kOut + 1));
    // The gradients, projected; or the captures, projected, and inner products of locations.
    const fromGradients = dOut * (dIn * (T + kIn + kOut) + kIn * kOut);
    const fromLocations = T * (captures + kIn * kOut + T * ((dIn + dOut) / 2 + kIn + kOut));
    return 2 * N * Math.min(fromGradients, fromLocations);
  }),
  lowRankDivide: row(
    "out x basis division",
    {
      out: written("dOut, dIn"),
      x: read("dOut, dIn"),
      ...ROW_BASIS,
      "division.moments": read("kOut+1, kIn+1"),
      "division.damping": SCALAR,
    },
    // R and C, P and X Q_in, and the product of inner size kOut + kIn.
    ({ dIn, dOut, kIn, kOut }) => 4 * (dIn * dOut * (kOut + kIn) + kOut * kIn * dIn),
  ),
  eigh: row(
    "jobs",
    {
      "jobs.vectors": written("n, n"),
      "jobs.values": written("1, n"),
      "jobs.status": written("1, 3"),
      "jobs.matrix": read("n, n"),
      "jobs.previous": optional("n, n"),
    },
    // Of tridiagonal QR with vectors (Golub & Van Loan 2013, section 8.3), whatever solver runs.
    ({ n }) => 9 * n ** 3,
  ),
  rotateInto: row(
    "out x basis",
    { out: written("dOut, dIn"), x: read("dOut, dIn"), ...BASIS },
    rotation,
  ),
  rotateBack: row("out x basis division", {
    out: written("dOut, dIn"),
    x: read("dOut, dIn"),
    ...BASIS,
    "division.eigenvalues": optional("dOut, dIn"),
    "division.damping": { ...SCALAR, optional: true },
  }, rotation),
  dampedDivide: row("out x division", {
    out: written("m, n"),
    x: inPlace("m, n"),
    "division.eigenvalues": read("m, n"),
    "division.damping": SCALAR,
  }, ({ m, n }) => 2 * m * n),
  choleskyInverse: row("out x scale shift status", {
    out: written("n, n"),
    status: written("1, 1"),
    x: read("n, n"),
    scale: SCALAR,
    shift: SCALAR,
  }, ({ n }) => n ** 3),
  conv2d: row("out images weights geometry", {
    out: written("N T, dOut"),
    images: read("N h w, C"),
    weights: read("dOut, dIn"),
  }, convolution),
  conv2dDataGradient: row("out g weights geometry", {
    out: written("N h w, C"),
    g: read("N T, dOut"),
    weights: read("dOut, dIn"),
  }, convolution),
  conv2dWeightGradient: row("out images g geometry blend", {
    out: written("dOut, dIn"),
    images: read("N h w, C"),
    g: read("N T, dOut"),
  }, convolution),
  patches: row(
    "out images geometry",
    { out: written("N T, dIn"), images: read("N h w, C") },
    () => 0,
  ),
  patchSecondMoment: row("c images geometry options", {
    c: written("dIn, dIn"),
    images: read("N h w, C"),
    "options.weights": optional("1, N T"),
  }, ({ N, T, dIn }) => N * T * dIn * dIn),
  patchSquaredNorms: row("out images geometry", {
    out: written("1, N T"),
    images: read("N h w, C"),
  }, ({ N, T, dIn }) => 2 * N * T * dIn),
  pool: row(
    "kind out images window",
    { out: written("N T, C"), images: read("N h w, C") },
    ({ N, T, C, taps }) => N * T * C * taps,
  ),
  poolGradient: row("kind out images pooled g window", {
    out: written("N h w, C"),
    images: read("N h w, C"),
    pooled: read("N T, C"),
    g: read("N T, C"),
  }, ({ N, T, C, taps }) => N * T * C * taps),
  columnMoments: row("out x", { out: written("2, C"), x: read("n, C") }, ({ n, C }) => 4 * n * C),
  batchNorm: row("out x moments weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    moments: read("2, C"),
    weights: read("2, C"),
  }, ({ n, C }) => 3 * n * C),
  batchNormSums: row("out x g moments epsilon", {
    out: written("2, C"),
    x: read("n, C"),
    g: read("n, C"),
    moments: read("2, C"),
  }, ({ n, C }) => 4 * n * C),
  batchNormGradient: row("out x g moments weights sums epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    g: read("n, C"),
    moments: read("2, C"),
    weights: read("2, C"),
    sums: read("2, C"),
  }, ({ n, C }) => 5 * n * C),
  rowNorm: row("kind out x weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    weights: read("W, C"),
  }, ({ n, C }) => 7 * n * C),
  rowNormSums: row("kind out x g epsilon", {
    out: written("2 N, C"),
    x: read("N T, C"),
    g: read("N T, C"),
  }, ({ N, T, C }) => 8 * N * T * C),
  rowNormGradient: row("kind out x g weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    g: read("n, C"),
    weights: read("W, C"),
  }, ({ n, C }) => 14 * n * C),
  gatherRows: row(
    "out table tokens",
    { out: written("n, d"), table: read("V, d"), tokens: read("1, n") },
    () => 0,
  ),
  scatterRows: row(
    "out tokens x blend",
    { out: written("V, d"), tokens: read("1, n"), x: read("n, d") },
    ({ n, d }) => 2 * n * d,
  ),
  mergeRows: row(
    "out tokens x positions",
    { out: written("n, d"), tokens: read("1, n"), x: read("n, d") },
    ({ n, d }) => n * d,
  ),
  // Scores and sums of values, of every pair of positions.
  attention: row(
    "out qkv shape",
    { out: written("n, C"), qkv: read("n, 3 C") },
    ({ n, T, C }) => 4 * n * T * C,
  ),
  attentionGradient: row(
    "out qkv g shape",
    { out: written("n, 3 C"), qkv: read("n, 3 C"), g: read("n, C") },
    ({ n, T, C }) => 10 * n * T * C,
  ),
  appendOnes: row("out x", { out: written("n, d+1"), x: read("n, d") }, () => 0),
  activation: row("kind out x", { out: written("m, n"), x: inPlace("m, n") }, ({ m, n }) => m * n),
  activationGradient: row("kind out y g", {
    out: written("m, n"),
    y: read("m, n"),
    g: inPlace("m, n"),
  }, ({ m, n }) => 2 * m * n),
  loss: row("kind losses gradients z targets", {
    losses: written("1, N"),
    gradients: written("N, K"),
    z: read("N, K"),
    targets: read("N, K", ["1, N", "kind", "softmaxCrossEntropy"]),
  }, ({ N, K }) => 5 * N * K),
  sampledLossGradient: row("kind gradients z noise", {
    gradients: written("N, K"),
    z: read("N, K"),
    noise: read("N, K", ["1, N", "kind", "softmaxCrossEntropy"]),
  }, ({ N, K }) => 5 * N * K),
  gaussNewtonGradient: row("kind gradients z signs", {
    gradients: written("N, K"),
    z: read("N, K"),
    signs: read("N, K"),
  }, ({ N, K }) => 6 * N * K),
  axpby: row("y alpha x beta", {
    y: written("m, n"),
    x: inPlace("m, n"),
    alpha: SCALAR,
    beta: SCALAR,
  }, ({ m, n }) => 3 * m * n),
  squares: row(
    "out x blend",
    { out: written("m, n"), x: inPlace("m, n", "blend.decay") },
    ({ m, n }) => 3 * m * n,
  ),
  scaleRows: row("out x weights", {
    out: written("n, d"),
    x: inPlace("n, d"),
    weights: read("1, n"),
  }, ({ n, d }) => n * d),
  adamDirection: row("out m v g numbers", {
    out: written("k, l"),
    m: written("k, l"),
    v: written("k, l"),
    g: read("k, l"),
  }, ({ k, l }) => 12 * k * l),
  dot: row(
    "out x y blend",
    { out: written("1, 1"), x: read("m, n"), y: read("m, n") },
    ({ m, n }) => 2 * m * n,
  ),
  rowDots: row(
    "out x y blend",
    { out: written("1, n"), x: read("n, d"), y: read("n, d") },
    ({ n, d }) => 2 * n * d,
  ),
  stepProducts: row("out u s w", {
    out: written("1, 3"),
    u: read("m, n"),
    s: read("m, n"),
    w: read("m, n"),
  }, ({ m, n }) => 6 * m * n),
  sum: row("out x blend", { out: written("1, 1"), x: read("m, n") }, ({ m, n }) => m * n),
  trace: row("out x blend", { out: written("1, 1"), x: read("n, n") }, ({ n }) => n),
  allFinite: row("out x", { out: written("1, 1"), x: read("m, n") }, ({ m, n }) => m * n),
  zeroUnless: row("x flag", { x: written("m, n"), flag: read("1, 1") }, ({ m, n }) => m * n),
  // A formula's own names take the place of these; its arithmetic is not counted.
  evaluate: row("formula inputs outputs", {
    "outputs.number": { ...written("1, 1"), optional: true },
    "outputs.vector": { ...written("1, n"), optional: true },
    "inputs.number": { ...SCALAR, inPlace: true, optional: true },
    "inputs.vector": { ...inPlace("1, n"), optional: true },
  }, () => 0),
};

/**
 * Additions and multiplications of one call of a verb.
 *
 * @param verb The verb.
 * @param sizes Values of the letters in its row of {@linkcode KERNEL_TABLE}.
 *
 * @example Work of a product of 2 x 3 by 3 x 4
 * ```ts
 * import assert from "node:assert/strict";
 * import { bytesOf, flopsOf } from "@tekfac/tekfac/backend";
 *
 * const sizes = { m: 2, n: 4, k: 3 };
 * assert.equal(flopsOf("gemm", sizes), 2 * 2 * 4 * 3);
 * assert.equal(bytesOf("gemm", sizes), 4 * (2 * 4 + 2 * 3 + 3 * 4));
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
  const always = Object.values(KERNEL_TABLE[verb].operands).filter(({ optional, scalar }) =>
    !optional && !scalar
  );
  const counts = always.map(({ shape }) => sidesOf(shape, sizes)).map(([m, n]) => m * n);
  return bytesPerElement * counts.reduce((sum, count) => sum + count, 0);
}
