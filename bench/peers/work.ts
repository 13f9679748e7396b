/**
 * The work on which libraries are compared, and its inputs. All numbers are float32, row by row.
 *
 * @module
 */

import { flopsOf } from "@tekfac/tekfac/backend";
import {
  type ConvGeometry,
  locationsOf,
  outHeight,
  outWidth,
  patchLength,
  Random,
} from "@tekfac/tekfac/core";

/** One task. */
export type Work =
  /** `C = A B`, all [n, n]. */
  | { readonly kind: "gemm"; readonly name: string; readonly n: number }
  /** Outputs, and the gradients of images and weights from a gradient of the outputs. */
  | {
    readonly kind: "conv2d";
    readonly name: string;
    readonly examples: number;
    readonly geometry: ConvGeometry;
    /** Output channels. */
    readonly outputs: number;
  }
  /** Eigenvalues and eigenvectors of a symmetric [n, n]. */
  | { readonly kind: "eigh"; readonly name: string; readonly n: number }
  /** `X^-1`, X a damped covariance, [n, n]. */
  | { readonly kind: "inverse"; readonly name: string; readonly n: number };

/** Matrices as rows of numbers: what goes into a task, or comes out. */
export type Arrays = readonly Float32Array[];

const BATCH = 64;

/** A 3 x 3 convolution of ResNet20. */
function convolution(channels: number, outputs: number, side: number, stride: number): Work {
  const geometry: ConvGeometry = {
    channels,
    height: side,
    width: side,
    kernel: [3, 3],
    stride: [stride, stride],
    padding: [1, 1],
    dilation: [1, 1],
    bias: false,
  };
  const name = `conv2d forward and backward, ${BATCH} x ${side} x ${side} x ${channels} to ` +
    `${outputs} channels, 3 x 3, stride ${stride}`;
  return { kind: "conv2d", name, examples: BATCH, geometry, outputs };
}

/** All tasks. */
export const WORK: readonly Work[] = [
  ...[256, 1024].map((n): Work => ({ kind: "gemm", name: `gemm, n = ${n}`, n })),
  convolution(16, 16, 32, 1),
  convolution(16, 32, 32, 2),
  convolution(32, 32, 16, 1),
  convolution(32, 64, 16, 2),
  convolution(64, 64, 8, 1),
  ...[64, 128, 256, 512, 1024].map((n): Work => ({ kind: "eigh", name: `eigh, n = ${n}`, n })),
  ...[64, 128, 256, 512, 1024].map((n): Work => ({
    kind: "inverse",
    name: `damped SPD inverse, n = ${n}`,
    n,
  })),
];

type Convolution = Extract<Work, { kind: "conv2d" }>;

/** Sizes of a convolution in the kernel table's letters. */
export function convolutionSizes(work: Convolution): Record<string, number> {
  const { geometry, examples, outputs } = work;
  return {
    N: examples,
    T: locationsOf(geometry),
    dIn: patchLength(geometry),
    dOut: outputs,
  };
}

/** Shapes of a convolution's images, weights and output gradients, channels last. */
export function convolutionShapes({ geometry, examples, outputs }: Convolution): number[][] {
  const { height, width, channels, kernel } = geometry;
  return [
    [examples, height, width, channels],
    [outputs, ...kernel, channels],
    [examples, outHeight(geometry), outWidth(geometry), outputs],
  ];
}

/** Additions and multiplications of a task. */
export function operationsOf(work: Work): number {
  switch (work.kind) {
    case "gemm":
      return flopsOf("gemm", { m: work.n, n: work.n, k: work.n });
    case "conv2d":
      return 3 * flopsOf("conv2d", convolutionSizes(work));
    case "eigh":
      return flopsOf("eigh", { n: work.n });
    case "inverse":
      return flopsOf("choleskyInverse", { n: work.n });
  }
}

/**
 * Seeded inputs of a task.
 *
 * - `gemm`: A and B.
 * - `conv2d`: images, weights and the gradient of the outputs, in {@linkcode convolutionShapes}.
 * - `eigh`, `inverse`: `X = Y^T Y / 2n` of 2n rows of normal numbers, whose eigenvalues spread over
 *   [0.09, 2.9]; for an inverse, damped by 0.1.
 */
export function inputsOf(work: Work): Arrays {
  const random = new Random(1);
  const normals = (n: number): Float32Array =>
    Float32Array.from({ length: n }, () => random.normal());
  if (work.kind === "gemm") return [normals(work.n ** 2), normals(work.n ** 2)];
  if (work.kind === "conv2d") {
    return convolutionShapes(work).map((shape) => normals(shape.reduce((a, b) => a * b)));
  }
  const x = covariance(normals(2 * work.n ** 2), work.n);
  if (work.kind === "inverse") { for (let i = 0; i < work.n; i++) x[i * (work.n + 1)] += 0.1; }
  return [x];
}

/** `Y^T Y / rows` of Y [rows, n], added up row by row; symmetric to the last bit. */
function covariance(y: Float32Array, n: number): Float32Array {
  const x = new Float32Array(n * n);
  const rows = y.length / n;
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < n; i++) {
      const scale = y[r * n + i] / rows;
      for (let j = 0; j <= i; j++) x[i * n + j] += scale * y[r * n + j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) x[j * n + i] = x[i * n + j];
  }
  return x;
}
