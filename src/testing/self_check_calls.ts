/**
 * Calls of every verb, for {@linkcode selfCheck}: sizes, and what the matrices hold.
 *
 * @module
 */

import type { Sizes } from "../backend/symbolic_shape.ts";
import type { Verbs } from "../backend/verbs.ts";
import { type ConvGeometry, locationsOf, patchLength } from "../core/geometry.ts";
import { div, formula, mul, sqrt, sum } from "../core/formula.ts";
import type { Random } from "../core/random.ts";
import { type DenseMatrix, denseMatrix } from "../linalg/dense_matrix.ts";
import { maxPool } from "../linalg/pool.ts";
import { secondMoment } from "../linalg/second_moment.ts";
import { randomMatrix, randomOrthogonal } from "./generators.ts";

/** The numbers of a matrix, exact in float32; `made` are those before it in the call. */
type Numbers = (
  random: Random,
  rows: number,
  cols: number,
  made: Readonly<Record<string, DenseMatrix>>,
) => DenseMatrix;

/** One call of a verb. */
export interface Trial {
  /** Values of the letters of its row. */
  readonly sizes: Sizes;
  /** What it is called with besides matrices. */
  readonly parts?: Readonly<Record<string, unknown>>;
  /** What matrices hold, by their place. @default {0 where they are written, else normal numbers} */
  readonly numbers?: Readonly<Record<string, Numbers>>;
}

/** The calls of a verb. */
export interface Trials {
  /** Allowed error in roundoffs of the largest entry expected. */
  readonly allowed: number;
  readonly trials: readonly Trial[];
}

function rounded(x: DenseMatrix): DenseMatrix {
  return denseMatrix(x.rows, x.cols, Float64Array.from(x.data, Math.fround));
}

/** Normal numbers. */
export function normals(random: Random, rows: number, cols: number): DenseMatrix {
  return rounded(randomMatrix(random, rows, cols));
}

const positives: Numbers = (random, rows, cols) => {
  const { data } = normals(random, rows, cols);
  return denseMatrix(rows, cols, data.map((value) => 0.5 + Math.abs(value)));
};

const uniforms: Numbers = (random, rows, cols) =>
  rounded(
    denseMatrix(rows, cols, Float64Array.from({ length: rows * cols }, () => random.uniform())),
  );

/** Orthonormal rows, at most as many as there are columns. */
const orthonormal: Numbers = (random, rows, cols) => {
  const { data } = rounded(randomOrthogonal(random, cols));
  return denseMatrix(rows, cols, data.slice(0, rows * cols));
};

/** Symmetric positive definite, of condition about 10. */
const definite: Numbers = (random, n) => rounded(secondMoment(randomMatrix(random, 4 * n, n)));

const only = (value: number): Numbers => (_, rows, cols) =>
  denseMatrix(rows, cols, new Float64Array(rows * cols).fill(value));

/** The next index in each place, and the last one in the fourth. */
const labels: Numbers = (_, rows, cols) =>
  denseMatrix(rows, cols, Float64Array.from({ length: cols }, (_, i) => i === 3 ? 39 : i));

/** Numbers from 0 to 7: the last one is outside of the table of seven rows. */
const tokens: Numbers = (_, rows, cols) =>
  denseMatrix(rows, cols, Float64Array.from({ length: rows * cols }, (_, i) => (i * i + 3) % 8));

/** 1, and 0 at every third place. */
const flags: Numbers = (_, rows, cols) =>
  denseMatrix(rows, cols, Float64Array.from({ length: rows * cols }, (_, i) => +(i % 3 > 0)));

const withNaN: Numbers = (random, rows, cols) => {
  const x = normals(random, rows, cols);
  x.data[1] = NaN;
  return x;
};

const GEOMETRY: ConvGeometry = {
  channels: 5,
  height: 9,
  width: 8,
  kernel: [3, 3],
  stride: [2, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
};

/** Letters of a layer: a convolution, and a dense one of as many inputs. */
const DENSE = { N: 7, T: 1, dIn: patchLength(GEOMETRY), dOut: 11, kIn: 6, kOut: 4 };
const CONV = { ...DENSE, T: locationsOf(GEOMETRY), h: 9, w: 8, C: 5 };

const geometry = { geometry: GEOMETRY };
/** One channel a group, and the letters of it. */
const depthwise = { geometry: { ...GEOMETRY, groups: GEOMETRY.channels } };
const DEPTHWISE = { ...CONV, dIn: patchLength(depthwise.geometry), dOut: GEOMETRY.channels };
const convolutions: readonly Trial[] = [
  { sizes: CONV, parts: geometry },
  { sizes: DEPTHWISE, parts: depthwise },
];
const bases = { "basis.output": orthonormal, "basis.input": orthonormal };
const dense = { capture: { kind: "dense", examples: DENSE.N } };
const conv = { capture: { kind: "conv2d", examples: CONV.N, geometry: GEOMETRY } };

const NONLINEARITIES = ["relu", "tanh", "sigmoid", "gelu", "geluTanh", "silu", "softplus"];
const ELEMENTS = { m: 9, n: 40 };
const MANY = { m: 70, n: 301 };
const LAYER = { dOut: 37, dIn: 70, kOut: 9, kIn: 12 };
const OUTPUTS = { N: 9, K: 40 };
const kinds = (...names: readonly string[]): readonly Trial[] =>
  names.map((kind) => ({ sizes: ELEMENTS, parts: { kind } }));
const rowNorms = (sizes: Sizes): readonly Trial[] =>
  ["layer", "rms"].map((kind) => ({ sizes, parts: { kind, epsilon: 1e-3 } }));
const attentions = [true, false].map((causal): Trial => ({
  sizes: { n: 40, C: 24, N: 2 },
  parts: { shape: { positions: 20, heads: 3, causal, dropout: 0.25 } },
  numbers: { mask: flags, seeds: tokens },
}));
const halved = { blend: { decay: 0.5 } };

const checkedFormula = formula({ x: "vector", c: "number", d: "number" }, ({ x, c, d }) => ({
  scaled: div(mul(c, x), d),
  norm: sqrt(sum(mul(x, x))),
}));

/** The calls by verb; together they take every kernel and both sizes of tiles. */
export const SELF_CHECK_CALLS: Readonly<Record<keyof Verbs, Trials>> = {
  gemm: {
    allowed: 64,
    trials: [
      {
        sizes: { m: 140, n: 131, k: 300 },
        parts: { options: { transposeA: true, transposeB: true, alpha: 0.5, beta: -1 } },
        numbers: { c: normals },
      },
      { sizes: { m: 1450, n: 1420, k: 9 } },
    ],
  },
  secondMoment: {
    allowed: 64,
    trials: [{
      sizes: { n: 600, d: 70 },
      parts: { options: { decay: 0.5, scale: 0.01 } },
      numbers: { c: definite, "options.weights": positives },
    }],
  },
  rowSquaredNorms: { allowed: 32, trials: [{ sizes: { n: 33, d: 300 } }] },
  squaredProjection: {
    allowed: 64,
    trials: [
      { sizes: CONV, parts: conv, numbers: bases },
      { sizes: DENSE, parts: { ...dense, ...halved }, numbers: { ...bases, theta: normals } },
    ],
  },
  projectedMoments: {
    allowed: 64,
    trials: [
      { sizes: CONV, parts: conv, numbers: bases },
      { sizes: DENSE, parts: { ...dense, ...halved }, numbers: { ...bases, moments: normals } },
    ],
  },
  lowRankDivide: {
    allowed: 64,
    trials: [{
      sizes: LAYER,
      numbers: { ...bases, "division.moments": positives, "division.damping": only(0.25) },
    }],
  },
  eigh: {
    // 3e-6 in float32, what all solvers of this library stay below.
    allowed: 50,
    trials: [{
      sizes: { n: 150 },
      parts: { jobs: { previous: undefined } },
      numbers: { "jobs.matrix": definite },
    }],
  },
  rotateInto: { allowed: 32, trials: [{ sizes: LAYER, numbers: bases }] },
  rotateBack: {
    allowed: 32,
    trials: [{
      sizes: LAYER,
      parts: { division: { damping: 0.25 } },
      numbers: { ...bases, "division.eigenvalues": positives },
    }],
  },
  dampedDivide: {
    allowed: 32,
    trials: [{
      sizes: ELEMENTS,
      parts: { division: { exponent: 0.75 } },
      numbers: { "division.eigenvalues": positives, "division.damping": only(0.25) },
    }],
  },
  choleskyInverse: {
    allowed: 512,
    trials: [{ sizes: { n: 75 }, parts: { scale: 0.5 }, numbers: { x: definite, shift: only(1) } }],
  },
  conv2d: { allowed: 32, trials: convolutions },
  conv2dDataGradient: { allowed: 32, trials: convolutions },
  conv2dWeightGradient: { allowed: 64, trials: convolutions },
  patches: { allowed: 0, trials: [{ sizes: CONV, parts: geometry }] },
  patchSecondMoment: {
    allowed: 64,
    trials: [{ sizes: CONV, parts: geometry, numbers: { "options.weights": positives } }],
  },
  patchSquaredNorms: { allowed: 32, trials: [{ sizes: CONV, parts: geometry }] },
  depthwiseSecondMoment: {
    allowed: 64,
    trials: [{ sizes: DEPTHWISE, parts: depthwise, numbers: { "options.weights": positives } }],
  },
  depthwiseSquaredProjection: {
    allowed: 64,
    trials: [{
      sizes: DEPTHWISE,
      parts: { capture: { kind: "conv2d", examples: DEPTHWISE.N, ...depthwise } },
    }],
  },
  stackedGemm: {
    allowed: 32,
    trials: [{
      sizes: { P: 40, m: 3, n: 10, k: 9 },
      parts: { parts: 40, options: { transposeB: true, alpha: 0.5, beta: -1 } },
      numbers: { c: normals },
    }],
  },
  pool: {
    allowed: 16,
    trials: ["max", "average"].map((kind) => ({ sizes: CONV, parts: { kind, window: GEOMETRY } })),
  },
  poolGradient: {
    allowed: 16,
    trials: ["max", "average"].map((kind) => ({
      sizes: CONV,
      parts: { kind, window: GEOMETRY },
      numbers: { pooled: (_random, _rows, _cols, { images }) => maxPool(images, GEOMETRY) },
    })),
  },
  columnMoments: { allowed: 1000, trials: [{ sizes: { n: 1300, C: 19 } }] },
  batchNorm: {
    allowed: 32,
    trials: [{
      sizes: { n: 130, C: 19 },
      parts: { epsilon: 1e-3 },
      numbers: { moments: positives },
    }],
  },
  batchNormSums: {
    allowed: 1000,
    trials: [{
      sizes: { n: 1300, C: 19 },
      parts: { epsilon: 1e-3 },
      numbers: { moments: positives },
    }],
  },
  batchNormGradient: {
    allowed: 32,
    trials: [{
      sizes: { n: 130, C: 19 },
      parts: { epsilon: 1e-3 },
      numbers: { moments: positives },
    }],
  },
  rowNorm: { allowed: 64, trials: rowNorms({ n: 20, C: 70, W: 2 }) },
  rowNormSums: { allowed: 128, trials: rowNorms({ N: 4, T: 5, C: 70 }) },
  rowNormGradient: { allowed: 128, trials: rowNorms({ n: 20, C: 70, W: 1 }) },
  gatherRows: { allowed: 0, trials: [{ sizes: { n: 30, V: 7, d: 40 }, numbers: { tokens } }] },
  scatterRows: {
    allowed: 64,
    trials: [{
      sizes: { n: 300, V: 7, d: 40 },
      parts: { blend: { decay: 0.5, scale: 0.25 } },
      numbers: { out: normals, tokens },
    }],
  },
  mergeRows: {
    allowed: 32,
    trials: [{ sizes: { n: 30, d: 40 }, parts: { positions: 10 }, numbers: { tokens } }],
  },
  attention: { allowed: 256, trials: attentions },
  attentionGradient: { allowed: 1000, trials: attentions },
  rotatePairs: {
    allowed: 8,
    trials: [{ sizes: { n: 40, C: 30, T: 20, w: 10 }, parts: { columns: 20 } }],
  },
  softmax: { allowed: 32, trials: [{ sizes: { n: 9, d: 40 } }] },
  softmaxGradient: { allowed: 64, trials: [{ sizes: { n: 9, d: 40 } }] },
  appendOnes: { allowed: 0, trials: [{ sizes: { n: 9, d: 40 } }] },
  activation: { allowed: 16, trials: kinds(...NONLINEARITIES) },
  activationGradient: { allowed: 16, trials: kinds(...NONLINEARITIES) },
  loss: {
    allowed: 32,
    trials: [
      { sizes: OUTPUTS, parts: { kind: "softmaxCrossEntropy" }, numbers: { targets: labels } },
      { sizes: OUTPUTS, parts: { kind: "sigmoidCrossEntropy" } },
      { sizes: OUTPUTS, parts: { kind: "meanSquaredError" } },
    ],
  },
  sampledLossGradient: {
    allowed: 32,
    trials: [
      { sizes: OUTPUTS, parts: { kind: "softmaxCrossEntropy" }, numbers: { noise: uniforms } },
      { sizes: OUTPUTS, parts: { kind: "meanSquaredError" } },
    ],
  },
  gaussNewtonGradient: {
    allowed: 64,
    trials: ["softmaxCrossEntropy", "sigmoidCrossEntropy"].map((kind) => ({
      sizes: { N: 9, K: 10 },
      parts: { kind },
    })),
  },
  axpby: {
    allowed: 4,
    trials: [{
      sizes: ELEMENTS,
      parts: { beta: 0.5 },
      numbers: { y: normals, alpha: only(-0.75) },
    }],
  },
  takeStep: {
    allowed: 4,
    trials: [{
      sizes: ELEMENTS,
      parts: { decay: 0.25, columns: 3 },
      numbers: { w: normals, rate: only(0.75) },
    }],
  },
  squares: {
    allowed: 4,
    trials: [{
      sizes: ELEMENTS,
      parts: { blend: { decay: 0.5, scale: 0.25 } },
      numbers: { out: normals },
    }],
  },
  scaleRows: { allowed: 2, trials: [{ sizes: { n: 9, d: 40 } }] },
  adamDirection: {
    allowed: 32,
    trials: [{
      sizes: { k: 9, l: 40 },
      parts: { numbers: { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, count: 3 } },
      numbers: { m: normals, v: positives },
    }],
  },
  dot: {
    allowed: 32,
    trials: [{ sizes: MANY, parts: halved, numbers: { out: only(2), x: positives, y: positives } }],
  },
  rowDots: {
    allowed: 64,
    trials: [{ sizes: { n: 33, d: 300 }, parts: halved, numbers: { out: normals } }],
  },
  stepProducts: {
    allowed: 32,
    trials: [{ sizes: MANY, numbers: { u: positives, s: positives, w: positives } }],
  },
  sum: {
    allowed: 32,
    trials: [{ sizes: MANY, parts: halved, numbers: { out: only(2), x: positives } }],
  },
  trace: {
    allowed: 32,
    trials: [{ sizes: { n: 70 }, parts: halved, numbers: { out: only(2), x: positives } }],
  },
  allFinite: {
    allowed: 0,
    trials: [{ sizes: ELEMENTS }, { sizes: { m: 1, n: 3 }, numbers: { x: withNaN } }],
  },
  zeroUnless: {
    allowed: 0,
    trials: [
      { sizes: ELEMENTS, numbers: { x: normals, flag: only(1) } },
      { sizes: { m: 1, n: 3 }, numbers: { x: withNaN, flag: only(0) } },
    ],
  },
  evaluate: {
    allowed: 32,
    trials: [{
      sizes: { n: 5 },
      parts: { formula: checkedFormula, inputs: { d: 2 } },
      numbers: { "inputs.x": positives, "inputs.c": only(3) },
    }],
  },
};
