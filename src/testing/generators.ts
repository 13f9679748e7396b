/**
 * Seeded inputs for tests and benches: shapes that find edges, matrices, spectra that break
 * solvers, geometries of convolutions. Everything is a function of the generator it is given.
 *
 * @module
 */

import { type ConvGeometry, locationsOf } from "../core/geometry.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import type { Random } from "../core/random.ts";
import type { Backend } from "../backend/backend.ts";
import { type DenseMatrix, denseMatrix, diagonalMatrix } from "../linalg/dense_matrix.ts";
import { gemm } from "../linalg/gemm.ts";

/** Sizes at which blocked kernels go wrong: empty, one, odd, and around each tile size. */
export function edgeSizes(...tiles: readonly number[]): number[] {
  const sizes = [0, 1, 3, ...tiles.flatMap((tile) => [tile - 1, tile, tile + 1])];
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** n standard normal numbers. */
export function randomNormals(random: Random, n: number): Float64Array {
  return Float64Array.from({ length: n }, () => random.normal());
}

/** A matrix of standard normal numbers. */
export function randomMatrix(random: Random, rows: number, cols: number): DenseMatrix {
  return denseMatrix(rows, cols, randomNormals(random, rows * cols));
}

/**
 * A random orthogonal matrix: columns of normal numbers, orthonormalized twice (Gram-Schmidt),
 * which is orthogonal to machine precision.
 *
 * @example Columns of length 1, at right angles
 * ```ts
 * import { Random } from "@tekfac/tekfac/core";
 * import { gemm, identityMatrix } from "@tekfac/tekfac/linalg";
 * import { allClose, randomOrthogonal } from "@tekfac/tekfac/testing";
 *
 * const q = randomOrthogonal(new Random(1), 5);
 * const product = gemm(q, q, { transposeA: true });
 * allClose(product.data, identityMatrix(5).data, { absolute: 8 * 5 * 2 ** -53 });
 * ```
 */
export function randomOrthogonal(random: Random, n: number): DenseMatrix {
  const { data } = randomMatrix(random, n, n);
  const rows = Array.from({ length: n }, (_, i) => data.subarray(i * n, (i + 1) * n));
  rows.forEach((row, i) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const earlier of rows.slice(0, i)) {
        const overlap = row.reduce((sum, value, k) => sum + value * earlier[k], 0);
        row.forEach((_, k) => row[k] -= overlap * earlier[k]);
      }
    }
    const length = Math.hypot(...row);
    row.forEach((_, k) => row[k] /= length);
  });
  return denseMatrix(n, n, data);
}

/**
 * A symmetric matrix with the given eigenvalues and random eigenvectors.
 *
 * @example Eigenvalues that break solvers, at sizes that break blocked kernels
 * ```ts
 * import assert from "node:assert/strict";
 * import { Random } from "@tekfac/tekfac/core";
 * import { eigh, frobeniusNorm } from "@tekfac/tekfac/linalg";
 * import { allClose, edgeSizes, randomSymmetric, stressSpectra } from "@tekfac/tekfac/testing";
 *
 * const sizes = edgeSizes(4);
 * assert.deepEqual(sizes, [0, 1, 3, 4, 5]);
 * const random = new Random(1);
 * for (const n of sizes) {
 *   for (const [label, spectrum] of Object.entries(stressSpectra(n))) {
 *     const x = randomSymmetric(random, spectrum);
 *     const absolute = 16 * n * 2 ** -53 * frobeniusNorm(x);
 *     allClose(eigh(x).values.sort(), spectrum.sort(), { absolute, label });
 *   }
 * }
 * ```
 */
export function randomSymmetric(random: Random, eigenvalues: ArrayLike<number>): DenseMatrix {
  const q = randomOrthogonal(random, eigenvalues.length);
  const x = gemm(gemm(q, diagonalMatrix(eigenvalues)), q, { transposeB: true });
  const n = x.rows;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) x.data[i * n + j] = x.data[j * n + i];
  }
  return x;
}

/** Spectra, by name, that eigensolvers must survive; n eigenvalues each. */
export function stressSpectra(n: number): Readonly<Record<string, Float64Array>> {
  const spectrum = (f: (i: number) => number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => f(i));
  return {
    zero: spectrum(() => 0),
    identity: spectrum(() => 1),
    rankOne: spectrum((i) => i === 0 ? 1 : 0),
    quarterRank: spectrum((i) => i < n / 4 ? 1 + i : 0),
    clustered: spectrum((i) => 1 + (i % 3) + 1e-7 * i),
    graded: spectrum((i) => 10 ** (-20 * i / Math.max(n - 1, 1))),
    huge: spectrum((i) => 1e12 * (1 + i)),
    tiny: spectrum((i) => 1e-12 * (1 + i)),
    indefinite: spectrum((i) => i - n / 2),
  };
}

/**
 * A random geometry with at least one location; every option from a small range.
 *
 * @example The seed tells which geometry failed, the message what it was
 * ```ts
 * import assert from "node:assert/strict";
 * import { locationsOf, Random } from "@tekfac/tekfac/core";
 * import { describeGeometry, randomGeometry, randomNormals } from "@tekfac/tekfac/testing";
 *
 * const random = new Random(1);
 * const geometry = randomGeometry(random, 3);
 * const { channels, height, width } = geometry;
 * const image = randomNormals(random, height * width * channels);
 * assert(locationsOf(geometry) > 0, describeGeometry(geometry));
 * assert(describeGeometry(geometry).endsWith(`${height}x${width}x3`));
 * assert.deepEqual(randomGeometry(new Random(1), 3), geometry); // and equal seeds, equal ones
 * assert(image.every(Number.isFinite));
 * ```
 */
export function randomGeometry(
  random: Random,
  channels: number = 1 + random.integer(9),
): ConvGeometry {
  const pair = (least: number, count: number): [number, number] => [
    least + random.integer(count),
    least + random.integer(count),
  ];
  for (;;) {
    const [height, width] = pair(1, 9);
    const geometry: ConvGeometry = {
      channels,
      height,
      width,
      kernel: pair(1, 4),
      stride: pair(1, 3),
      padding: pair(0, 3),
      dilation: pair(1, 2),
      bias: random.uniform() < 0.5,
    };
    if (locationsOf(geometry) > 0) return geometry;
  }
}

/** `"3x3 stride 1,1 padding 0,0 dilation 1,1 bias 8x8x3"`, for messages. */
export function describeGeometry(g: ConvGeometry): string {
  return `${g.kernel.join("x")} stride ${g.stride} padding ${g.padding} dilation ${g.dilation} ` +
    `${g.bias ? "bias" : "no bias"} ${g.height}x${g.width}x${g.channels}`;
}

/** Copies numbers into a new matrix of a backend; the caller disposes it. */
export function upload(backend: Backend, x: DenseMatrix): OwnedMatrix {
  const matrix = backend.alloc(x.rows, x.cols);
  backend.write(matrix, x.data);
  return matrix;
}

/**
 * The same as a view with gaps: inside a wider matrix whose other columns are NaN, so that a kernel
 * that strays shows. The caller disposes the owner.
 *
 * @example A kernel that reads beyond the rows of its operand meets NaN
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { download, uploadStrided } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const { owner, view } = uploadStrided(backend, denseMatrix(2, 2, [1, 2, 3, 4]));
 * using wide = owner;
 * assert.deepEqual([...download(backend, view).data], [1, 2, 3, 4]);
 * assert.equal(download(backend, wide).data.filter(Number.isNaN).length, 2 * 3);
 * backend.squares(view, view);
 * assert.deepEqual([...download(backend, view).data], [1, 4, 9, 16]);
 * ```
 */
export function uploadStrided(
  backend: Backend,
  x: DenseMatrix,
): { readonly owner: OwnedMatrix; readonly view: Matrix } {
  const stride = x.cols + 3;
  const padded = denseMatrix(x.rows, stride);
  padded.data.fill(NaN);
  for (let i = 0; i < x.rows; i++) {
    padded.data.set(x.data.subarray(i * x.cols, (i + 1) * x.cols), i * stride + 1);
  }
  const owner = upload(backend, padded);
  const view = { storage: owner.storage, offset: 1, rows: x.rows, cols: x.cols, stride };
  return { owner, view: x.rows === 0 ? { ...view, offset: 0 } : view };
}

/** The numbers of a matrix as a plain one; on a synchronous backend. */
export function download(backend: Backend, m: Matrix): DenseMatrix {
  return denseMatrix(m.rows, m.cols, backend.readSync(m));
}
