/**
 * One row per verb: what a call takes, who of it is written, and the shapes. The checks of
 * {@linkcode CheckedBackend}, what wraps all verbs, and calls made up for tests all come from this table.
 *
 * A shape is written `"rows, cols"`; a side is a product of sizes, as in `"N h w, C"`. Letters: N
 * examples, C channels, h and w height and width of an image, T locations, dIn inputs of a layer
 * with the homogeneous 1, dOut outputs, K outputs of a model; others are local to a row.
 *
 * @module
 */

import { parseShape, type SymbolicShape } from "./symbolic_shape.ts";
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

function row(call: string, operands: Readonly<Record<string, Operand>>): KernelRow {
  return { call: call.split(" "), operands };
}

/** The captures of a layer: of a dense one its inputs, of a convolution its images. */
const CAPTURE = {
  "capture.outputGradients": read("N T, dOut"),
  "capture.inputs": optional("N, dIn"),
  "capture.images": optional("N h w, C"),
};

const BASIS = { "basis.output": read("dOut, dOut"), "basis.input": read("dIn, dIn") };

const ROW_BASIS = { "basis.output": read("kOut, dOut"), "basis.input": read("kIn, dIn") };

/** The table. */
export const KERNEL_TABLE: { readonly [V in keyof Verbs]: KernelRow } = {
  gemm: row("c a b options", {
    c: written("m, n"),
    a: read("m, k", ["k, m", "options.transposeA", true]),
    b: read("k, n", ["n, k", "options.transposeB", true]),
  }),
  secondMoment: row("c x options", {
    c: written("d, d"),
    x: read("n, d"),
    "options.weights": optional("1, n"),
  }),
  rowSquaredNorms: row("out x", { out: written("1, n"), x: read("n, d") }),
  squaredProjection: row(
    "theta capture basis blend",
    {
      theta: written("dOut, dIn"),
      ...CAPTURE,
      "basis.output": optional("dOut, dOut"),
      "basis.input": optional("dIn, dIn"),
    },
  ),
  projectedMoments: row("moments capture basis blend", {
    moments: written("kOut+1, kIn+1"),
    ...CAPTURE,
    ...ROW_BASIS,
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
  ),
  rotateInto: row(
    "out x basis",
    { out: written("dOut, dIn"), x: read("dOut, dIn"), ...BASIS },
  ),
  rotateBack: row("out x basis division", {
    out: written("dOut, dIn"),
    x: read("dOut, dIn"),
    ...BASIS,
    "division.eigenvalues": optional("dOut, dIn"),
    "division.damping": { ...SCALAR, optional: true },
  }),
  dampedDivide: row("out x division", {
    out: written("m, n"),
    x: inPlace("m, n"),
    "division.eigenvalues": read("m, n"),
    "division.damping": SCALAR,
  }),
  choleskyInverse: row("out x scale shift status", {
    out: written("n, n"),
    status: written("1, 1"),
    x: read("n, n"),
    scale: SCALAR,
    shift: SCALAR,
  }),
  conv2d: row("out images weights geometry", {
    out: written("N T, dOut"),
    images: read("N h w, C"),
    weights: read("dOut, dIn"),
  }),
  conv2dDataGradient: row("out g weights geometry", {
    out: written("N h w, C"),
    g: read("N T, dOut"),
    weights: read("dOut, dIn"),
  }),
  conv2dWeightGradient: row("out images g geometry blend", {
    out: written("dOut, dIn"),
    images: read("N h w, C"),
    g: read("N T, dOut"),
  }),
  patches: row(
    "out images geometry",
    { out: written("N T, dIn"), images: read("N h w, C") },
  ),
  patchSecondMoment: row("c images geometry options", {
    c: written("dIn, dIn"),
    images: read("N h w, C"),
    "options.weights": optional("1, N T"),
  }),
  patchSquaredNorms: row("out images geometry", {
    out: written("1, N T"),
    images: read("N h w, C"),
  }),
  depthwiseSecondMoment: row("c images geometry options", {
    c: written("C dIn, dIn"),
    images: read("N h w, C"),
    "options.weights": optional("N T, C"),
  }),
  depthwiseSquaredProjection: row("theta capture basis blend", {
    theta: written("C, dIn"),
    "capture.outputGradients": read("N T, C"),
    "capture.images": read("N h w, C"),
    basis: optional("C dIn, dIn"),
  }),
  stackedGemm: row("c a b parts options", {
    c: written("P m, n"),
    a: read("P m, k", ["P k, m", "options.transposeA", true]),
    b: read("P k, n", ["P n, k", "options.transposeB", true]),
  }),
  pool: row(
    "kind out images window",
    { out: written("N T, C"), images: read("N h w, C") },
  ),
  poolGradient: row("kind out images pooled g window", {
    out: written("N h w, C"),
    images: read("N h w, C"),
    pooled: read("N T, C"),
    g: read("N T, C"),
  }),
  columnMoments: row("out x", { out: written("2, C"), x: read("n, C") }),
  batchNorm: row("out x moments weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    moments: read("2, C"),
    weights: read("2, C"),
  }),
  batchNormSums: row("out x g moments epsilon", {
    out: written("2, C"),
    x: read("n, C"),
    g: read("n, C"),
    moments: read("2, C"),
  }),
  batchNormGradient: row("out x g moments weights sums epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    g: read("n, C"),
    moments: read("2, C"),
    weights: read("2, C"),
    sums: read("2, C"),
  }),
  rowNorm: row("kind out x weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    weights: read("W, C"),
  }),
  rowNormSums: row("kind out x g epsilon", {
    out: written("2 N, C"),
    x: read("N T, C"),
    g: read("N T, C"),
  }),
  rowNormGradient: row("kind out x g weights epsilon", {
    out: written("n, C"),
    x: read("n, C"),
    g: read("n, C"),
    weights: read("W, C"),
  }),
  gatherRows: row("out table tokens", {
    out: written("n, d"),
    table: read("V, d"),
    tokens: read("1, n"),
  }),
  scatterRows: row("out tokens x blend", {
    out: written("V, d"),
    tokens: read("1, n"),
    x: read("n, d"),
  }),
  mergeRows: row("out tokens x positions", {
    out: written("n, d"),
    tokens: read("1, n"),
    x: read("n, d"),
  }),
  attention: row("out qkv shape mask seeds", {
    out: written("n, C"),
    qkv: read("n, 3 C"),
    mask: optional("1, n"),
    seeds: optional("1, N"),
  }),
  rotatePairs: row("out x turns columns", {
    out: written("n, C"),
    x: inPlace("n, C"),
    turns: read("T, w"),
  }),
  softmax: row("out x", { out: written("n, d"), x: inPlace("n, d") }),
  softmaxGradient: row("out y g", {
    out: written("n, d"),
    y: read("n, d"),
    g: inPlace("n, d"),
  }),
  attentionGradient: row("out qkv g shape mask seeds", {
    out: written("n, 3 C"),
    qkv: read("n, 3 C"),
    g: read("n, C"),
  }),
  appendOnes: row("out x", { out: written("n, d+1"), x: read("n, d") }),
  activation: row("kind out x", { out: written("m, n"), x: inPlace("m, n") }),
  activationGradient: row("kind out y g", {
    out: written("m, n"),
    y: read("m, n"),
    g: inPlace("m, n"),
  }),
  loss: row("kind losses gradients z targets parameter", {
    losses: written("1, N"),
    gradients: written("N, K"),
    z: read("N, K"),
    targets: read("N, K", ["1, N", "kind", "softmaxCrossEntropy"]),
  }),
  sampledLossGradient: row("kind gradients z noise", {
    gradients: written("N, K"),
    z: read("N, K"),
    noise: read("N, K", ["1, N", "kind", "softmaxCrossEntropy"]),
  }),
  gaussNewtonGradient: row("kind gradients z signs", {
    gradients: written("N, K"),
    z: read("N, K"),
    signs: read("N, K"),
  }),
  axpby: row("y alpha x beta", {
    y: written("m, n"),
    x: inPlace("m, n"),
    alpha: SCALAR,
    beta: SCALAR,
  }),
  takeStep: row("w rate u decay columns", {
    w: written("m, n"),
    u: read("m, n"),
    rate: SCALAR,
    decay: SCALAR,
  }),
  squares: row(
    "out x blend",
    { out: written("m, n"), x: inPlace("m, n", "blend.decay") },
  ),
  scaleRows: row("out x weights", {
    out: written("n, d"),
    x: inPlace("n, d"),
    weights: read("1, n"),
  }),
  adamDirection: row("out m v g numbers", {
    out: written("k, l"),
    m: written("k, l"),
    v: written("k, l"),
    g: read("k, l"),
  }),
  dot: row(
    "out x y blend",
    { out: written("1, 1"), x: read("m, n"), y: read("m, n") },
  ),
  rowDots: row(
    "out x y blend",
    { out: written("1, n"), x: read("n, d"), y: read("n, d") },
  ),
  stepProducts: row("out u s w", {
    out: written("1, 3"),
    u: read("m, n"),
    s: read("m, n"),
    w: read("m, n"),
  }),
  sum: row("out x blend", { out: written("1, 1"), x: read("m, n") }),
  trace: row("out x blend", { out: written("1, 1"), x: read("n, n") }),
  allFinite: row("out x", { out: written("1, 1"), x: read("m, n") }),
  zeroUnless: row("x flag", { x: written("m, n"), flag: read("1, 1") }),
  // A formula's own names take the place of these.
  evaluate: row("formula inputs outputs", {
    "outputs.number": { ...written("1, 1"), optional: true },
    "outputs.vector": { ...written("1, n"), optional: true },
    "inputs.number": { ...SCALAR, inPlace: true, optional: true },
    "inputs.vector": { ...inPlace("1, n"), optional: true },
  }),
};
