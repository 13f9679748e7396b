/**
 * One call of every verb, for {@linkcode selfCheck}.
 *
 * @module
 */

import type { Backend, Verbs } from "../backend/backend.ts";
import { type ConvGeometry, locationsOf, patchLength } from "../core/geometry.ts";
import { div, formula, mul, sqrt, sum } from "../core/formula.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import { type DenseMatrix, denseMatrix } from "../linalg/dense_matrix.ts";
import { maxPool } from "../linalg/pool.ts";
import { secondMoment } from "../linalg/second_moment.ts";
import { randomMatrix, randomOrthogonal } from "./generators.ts";

const checkedFormula = formula({ x: "vector", c: "number", d: "number" }, ({ x, c, d }) => ({
  scaled: div(mul(c, x), d),
  norm: sqrt(sum(mul(x, x))),
}));

/** A call with its arguments. */
export interface CheckedCall {
  /** What the outputs hold before. */
  readonly outputs: readonly DenseMatrix[];
  /** Numbers that are exact in float32. */
  readonly inputs: readonly DenseMatrix[];
  /** Makes the call. */
  readonly run: (
    backend: Backend,
    outputs: readonly Matrix[],
    inputs: readonly Matrix[],
  ) => void;
  /** Allowed error in roundoffs of the largest entry expected. */
  readonly allowed: number;
}

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

const EXAMPLES = 7;
const OUTPUTS = 11;
const PIXELS = EXAMPLES * GEOMETRY.height * GEOMETRY.width;
const LOCATIONS = EXAMPLES * locationsOf(GEOMETRY);
const PATCH = patchLength(GEOMETRY);

/** Normal numbers that are exact in float32. */
function normals(random: Random, rows: number, cols: number): DenseMatrix {
  return rounded(randomMatrix(random, rows, cols));
}

/** Positive ones. */
function positives(random: Random, rows: number, cols: number): DenseMatrix {
  const { data } = normals(random, rows, cols);
  return denseMatrix(rows, cols, data.map((value) => 0.5 + Math.abs(value)));
}

function rounded(x: DenseMatrix): DenseMatrix {
  return denseMatrix(x.rows, x.cols, Float64Array.from(x.data, Math.fround));
}

/** An orthogonal matrix, rounded to float32. */
function orthogonal(random: Random, n: number): DenseMatrix {
  return rounded(randomOrthogonal(random, n));
}

/** The first rows. */
function someRows({ cols, data }: DenseMatrix, rows: number): DenseMatrix {
  return { rows, cols, data: data.slice(0, rows * cols) };
}

/** A symmetric positive definite matrix of condition about 10, exact in float32. */
function definite(random: Random, n: number): DenseMatrix {
  return rounded(secondMoment(randomMatrix(random, 4 * n, n)));
}

function zeros(rows: number, cols: number): DenseMatrix {
  return denseMatrix(rows, cols);
}

function scalar(value: number): DenseMatrix {
  return denseMatrix(1, 1, [value]);
}

/** The calls by verb; together they take every kernel and both sizes of tiles. */
export const SELF_CHECK_CALLS: Readonly<Record<keyof Verbs, (random: Random) => CheckedCall>> = {
  gemm: (random) => ({
    outputs: [normals(random, 140, 131), zeros(1450, 1420)],
    inputs: [
      normals(random, 300, 140),
      normals(random, 131, 300),
      normals(random, 1450, 9),
      normals(random, 9, 1420),
    ],
    run: (b, [small, large], [x, y, tall, wide]) => {
      b.gemm(small, x, y, { transposeA: true, transposeB: true, alpha: 0.5, beta: -1 });
      b.gemm(large, tall, wide);
    },
    allowed: 64,
  }),
  secondMoment: (random) => ({
    outputs: [definite(random, 70)],
    inputs: [normals(random, 600, 70), positives(random, 1, 600)],
    run: (b, [c], [x, weights]) => b.secondMoment(c, x, { weights, decay: 0.5, scale: 0.01 }),
    allowed: 64,
  }),
  columnMoments: (random) => ({
    outputs: [zeros(2, 19)],
    inputs: [normals(random, 1300, 19)],
    run: (b, [out], [x]) => b.columnMoments(out, x),
    allowed: 1000,
  }),
  batchNorm: (random) => ({
    outputs: [zeros(130, 19)],
    inputs: [normals(random, 130, 19), positives(random, 2, 19), normals(random, 2, 19)],
    run: (b, [out], [x, moments, weights]) => b.batchNorm(out, x, moments, weights, 1e-3),
    allowed: 32,
  }),
  batchNormSums: (random) => ({
    outputs: [zeros(2, 19)],
    inputs: [normals(random, 1300, 19), normals(random, 1300, 19), positives(random, 2, 19)],
    run: (b, [out], [x, g, moments]) => b.batchNormSums(out, x, g, moments, 1e-3),
    allowed: 1000,
  }),
  batchNormGradient: (random) => ({
    outputs: [zeros(130, 19)],
    inputs: [
      normals(random, 130, 19),
      normals(random, 130, 19),
      positives(random, 2, 19),
      normals(random, 2, 19),
      normals(random, 2, 19),
    ],
    run: (b, [out], [x, g, moments, weights, sums]) =>
      b.batchNormGradient(out, x, g, moments, weights, sums, 1e-3),
    allowed: 32,
  }),
  rowSquaredNorms: (random) => ({
    outputs: [zeros(1, 33)],
    inputs: [normals(random, 33, 300)],
    run: (b, [out], [x]) => b.rowSquaredNorms(out, x),
    allowed: 32,
  }),
  squaredProjection: (random) => ({
    outputs: [zeros(OUTPUTS, PATCH), normals(random, OUTPUTS, PATCH)],
    inputs: [
      normals(random, PIXELS, GEOMETRY.channels),
      normals(random, LOCATIONS, OUTPUTS),
      orthogonal(random, OUTPUTS),
      orthogonal(random, PATCH),
      normals(random, EXAMPLES, OUTPUTS),
      normals(random, EXAMPLES, PATCH),
    ],
    run: (b, [theta, dense], [images, g, output, input, outputGradients, inputs]) => {
      const conv = { kind: "conv2d", examples: EXAMPLES, geometry: GEOMETRY, images } as const;
      b.squaredProjection(theta, { ...conv, outputGradients: g }, { output, input });
      const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
      b.squaredProjection(dense, capture, { output, input }, { decay: 0.5 });
    },
    allowed: 64,
  }),
  projectedMoments: (random) => ({
    outputs: [zeros(5, 7), normals(random, 5, 7)],
    inputs: [
      normals(random, PIXELS, GEOMETRY.channels),
      normals(random, LOCATIONS, OUTPUTS),
      someRows(orthogonal(random, OUTPUTS), 4),
      someRows(orthogonal(random, PATCH), 6),
      normals(random, EXAMPLES, OUTPUTS),
      normals(random, EXAMPLES, PATCH),
    ],
    run: (b, [conv, dense], [images, g, output, input, outputGradients, inputs]) => {
      const few = { kind: "conv2d", examples: EXAMPLES, geometry: GEOMETRY, images } as const;
      b.projectedMoments(conv, { ...few, outputGradients: g }, { output, input });
      const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
      b.projectedMoments(dense, capture, { output, input }, { decay: 0.5 });
    },
    allowed: 64,
  }),
  lowRankDivide: (random) => ({
    outputs: [zeros(37, 70)],
    inputs: [
      normals(random, 37, 70),
      someRows(orthogonal(random, 37), 9),
      someRows(orthogonal(random, 70), 12),
      positives(random, 10, 13),
      scalar(0.25),
    ],
    run: (b, [out], [x, output, input, moments, damping]) =>
      b.lowRankDivide(out, x, { output, input }, { moments, damping }),
    allowed: 64,
  }),
  eigh: (random) => ({
    outputs: [zeros(150, 150), zeros(1, 150), zeros(1, 3)],
    inputs: [definite(random, 150)],
    run: (b, [vectors, values, status], [matrix]) => b.eigh([{ matrix, vectors, values, status }]),
    // 3e-6 in float32, what all solvers of this library stay below.
    allowed: 50,
  }),
  rotateInto: (random) => ({
    outputs: [zeros(37, 70)],
    inputs: [normals(random, 37, 70), orthogonal(random, 37), orthogonal(random, 70)],
    run: (b, [out], [x, output, input]) => b.rotateInto(out, x, { output, input }),
    allowed: 32,
  }),
  rotateBack: (random) => ({
    outputs: [zeros(37, 70)],
    inputs: [
      normals(random, 37, 70),
      orthogonal(random, 37),
      orthogonal(random, 70),
      positives(random, 37, 70),
    ],
    run: (b, [out], [x, output, input, eigenvalues]) =>
      b.rotateBack(out, x, { output, input }, { eigenvalues, damping: 0.25 }),
    allowed: 32,
  }),
  dampedDivide: (random) => ({
    outputs: [zeros(9, 40)],
    inputs: [normals(random, 9, 40), positives(random, 9, 40), scalar(0.25)],
    run: (b, [out], [x, eigenvalues, damping]) =>
      b.dampedDivide(out, x, { eigenvalues, damping, exponent: 0.75 }),
    allowed: 32,
  }),
  choleskyInverse: (random) => ({
    outputs: [zeros(75, 75), zeros(1, 1)],
    inputs: [definite(random, 75), scalar(1)],
    run: (b, [out, status], [x, shift]) => b.choleskyInverse(out, x, 0.5, shift, status),
    allowed: 512,
  }),
  conv2d: (random) => ({
    outputs: [zeros(LOCATIONS, OUTPUTS)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels), normals(random, OUTPUTS, PATCH)],
    run: (b, [out], [images, weights]) => b.conv2d(out, images, weights, GEOMETRY),
    allowed: 32,
  }),
  conv2dDataGradient: (random) => ({
    outputs: [zeros(PIXELS, GEOMETRY.channels)],
    inputs: [normals(random, LOCATIONS, OUTPUTS), normals(random, OUTPUTS, PATCH)],
    run: (b, [out], [g, weights]) => b.conv2dDataGradient(out, g, weights, GEOMETRY),
    allowed: 32,
  }),
  conv2dWeightGradient: (random) => ({
    outputs: [zeros(OUTPUTS, PATCH)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels), normals(random, LOCATIONS, OUTPUTS)],
    run: (b, [out], [images, g]) => b.conv2dWeightGradient(out, images, g, GEOMETRY),
    allowed: 64,
  }),
  patches: (random) => ({
    outputs: [zeros(LOCATIONS, PATCH)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels)],
    run: (b, [out], [images]) => b.patches(out, images, GEOMETRY),
    allowed: 0,
  }),
  patchSecondMoment: (random) => ({
    outputs: [zeros(PATCH, PATCH)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels), positives(random, 1, LOCATIONS)],
    run: (b, [c], [images, weights]) => b.patchSecondMoment(c, images, GEOMETRY, { weights }),
    allowed: 64,
  }),
  patchSquaredNorms: (random) => ({
    outputs: [zeros(1, LOCATIONS)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels)],
    run: (b, [out], [images]) => b.patchSquaredNorms(out, images, GEOMETRY),
    allowed: 32,
  }),
  pool: (random) => ({
    outputs: [zeros(LOCATIONS, GEOMETRY.channels), zeros(LOCATIONS, GEOMETRY.channels)],
    inputs: [normals(random, PIXELS, GEOMETRY.channels)],
    run: (b, [largest, mean], [images]) => {
      b.pool("max", largest, images, GEOMETRY);
      b.pool("average", mean, images, GEOMETRY);
    },
    allowed: 16,
  }),
  poolGradient: (random) => {
    const images = normals(random, PIXELS, GEOMETRY.channels);
    return {
      outputs: [zeros(PIXELS, GEOMETRY.channels), zeros(PIXELS, GEOMETRY.channels)],
      inputs: [images, maxPool(images, GEOMETRY), normals(random, LOCATIONS, GEOMETRY.channels)],
      run: (b, [largest, mean], [x, pooled, g]) => {
        b.poolGradient("max", largest, x, pooled, g, GEOMETRY);
        b.poolGradient("average", mean, x, pooled, g, GEOMETRY);
      },
      allowed: 16,
    };
  },
  appendOnes: (random) => ({
    outputs: [zeros(9, 41)],
    inputs: [normals(random, 9, 40)],
    run: (b, [out], [x]) => b.appendOnes(out, x),
    allowed: 0,
  }),
  activation: (random) => ({
    outputs: [zeros(9, 40), zeros(9, 40), zeros(9, 40)],
    inputs: [normals(random, 9, 40)],
    run: (b, outputs, [x]) =>
      (["relu", "tanh", "sigmoid"] as const).forEach((kind, i) =>
        b.activation(kind, outputs[i], x)
      ),
    allowed: 16,
  }),
  activationGradient: (random) => ({
    outputs: [zeros(9, 40), zeros(9, 40), zeros(9, 40)],
    inputs: [normals(random, 9, 40), normals(random, 9, 40)],
    run: (b, outputs, [y, g]) =>
      (["relu", "tanh", "sigmoid"] as const).forEach((kind, i) =>
        b.activationGradient(kind, outputs[i], y, g)
      ),
    allowed: 16,
  }),
  loss: (random) => ({
    outputs: [zeros(1, 9), zeros(9, 40), zeros(1, 9), zeros(9, 40)],
    inputs: [normals(random, 9, 40), denseMatrix(1, 9, [0, 1, 2, 39, 4, 5, 6, 7, 8])],
    run: (b, [softmax, gradients, sigmoid, slopes], [z, labels]) => {
      b.loss("softmaxCrossEntropy", softmax, gradients, z, labels);
      b.loss("sigmoidCrossEntropy", sigmoid, slopes, z, z);
    },
    allowed: 32,
  }),
  sampledLossGradient: (random) => ({
    outputs: [zeros(9, 40), zeros(9, 40)],
    inputs: [
      normals(random, 9, 40),
      rounded(denseMatrix(1, 9, Array.from({ length: 9 }, () => random.uniform()))),
    ],
    run: (b, [softmax, squares], [z, uniforms]) => {
      b.sampledLossGradient("softmaxCrossEntropy", softmax, z, uniforms);
      b.sampledLossGradient("meanSquaredError", squares, z, z);
    },
    allowed: 32,
  }),
  gaussNewtonGradient: (random) => ({
    outputs: [zeros(9, 10), zeros(9, 10)],
    inputs: [normals(random, 9, 10), normals(random, 9, 10)],
    run: (b, [softmax, sigmoid], [z, signs]) => {
      b.gaussNewtonGradient("softmaxCrossEntropy", softmax, z, signs);
      b.gaussNewtonGradient("sigmoidCrossEntropy", sigmoid, z, signs);
    },
    allowed: 64,
  }),
  axpby: (random) => ({
    outputs: [normals(random, 9, 40)],
    inputs: [normals(random, 9, 40), scalar(-0.75)],
    run: (b, [y], [x, alpha]) => b.axpby(y, alpha, x, 0.5),
    allowed: 4,
  }),
  squares: (random) => ({
    outputs: [normals(random, 9, 40)],
    inputs: [normals(random, 9, 40)],
    run: (b, [out], [x]) => b.squares(out, x, { decay: 0.5, scale: 0.25 }),
    allowed: 4,
  }),
  scaleRows: (random) => ({
    outputs: [zeros(9, 40)],
    inputs: [normals(random, 9, 40), normals(random, 1, 9)],
    run: (b, [out], [x, weights]) => b.scaleRows(out, x, weights),
    allowed: 2,
  }),
  adamDirection: (random) => ({
    outputs: [zeros(9, 40), normals(random, 9, 40), positives(random, 9, 40)],
    inputs: [normals(random, 9, 40)],
    run: (b, [out, m, v], [g]) =>
      b.adamDirection(out, m, v, g, { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, count: 3 }),
    allowed: 32,
  }),
  dot: (random) => ({
    outputs: [scalar(2)],
    inputs: [positives(random, 70, 301), positives(random, 70, 301)],
    run: (b, [out], [x, y]) => b.dot(out, x, y, { decay: 0.5 }),
    allowed: 32,
  }),
  rowDots: (random) => ({
    outputs: [normals(random, 1, 33)],
    inputs: [normals(random, 33, 300), normals(random, 33, 300)],
    run: (b, [out], [x, y]) => b.rowDots(out, x, y, { decay: 0.5 }),
    allowed: 64,
  }),
  stepProducts: (random) => ({
    outputs: [zeros(1, 3)],
    inputs: [positives(random, 70, 301), positives(random, 70, 301), positives(random, 70, 301)],
    run: (b, [out], [u, s, w]) => b.stepProducts(out, u, s, w),
    allowed: 32,
  }),
  sum: (random) => ({
    outputs: [scalar(2)],
    inputs: [positives(random, 70, 301)],
    run: (b, [out], [x]) => b.sum(out, x, { decay: 0.5 }),
    allowed: 32,
  }),
  trace: (random) => ({
    outputs: [scalar(2)],
    inputs: [positives(random, 70, 70)],
    run: (b, [out], [x]) => b.trace(out, x, { decay: 0.5 }),
    allowed: 32,
  }),
  allFinite: (random) => ({
    outputs: [zeros(1, 1), zeros(1, 1)],
    inputs: [normals(random, 9, 40), denseMatrix(1, 3, [1, NaN, 2])],
    run: (b, [good, bad], [x, y]) => {
      b.allFinite(good, x);
      b.allFinite(bad, y);
    },
    allowed: 0,
  }),
  zeroUnless: (random) => ({
    outputs: [normals(random, 9, 40), denseMatrix(1, 3, [1, NaN, 2])],
    inputs: [scalar(1), scalar(0)],
    run: (b, [kept, gone], [yes, no]) => {
      b.zeroUnless(kept, yes);
      b.zeroUnless(gone, no);
    },
    allowed: 0,
  }),
  evaluate: (random) => ({
    outputs: [zeros(1, 5), zeros(1, 1)],
    inputs: [positives(random, 1, 5), scalar(3)],
    run: (b, [scaled, norm], [x, c]) =>
      b.evaluate(checkedFormula, { x, c, d: 2 }, { scaled, norm }),
    allowed: 32,
  }),
};
