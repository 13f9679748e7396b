/**
 * Products and rotations on several threads: ranges of columns or rows of the result.
 *
 * @module
 */

import {
  BYTES,
  type Kernel,
  type Kernels,
  type Parallel,
  piecesOf,
  TILE_COLUMNS,
  TILE_ROWS,
  wholeLines,
} from "./parallel.ts";
import { evenRanges } from "./split.ts";

/** Names of the kernels that tasks of this topic call. */
export const ALGEBRA_KERNELS: readonly string[] = ["gemm"];

/** The parallel kernels of this topic; `elementwise` has those of {@linkcode parallelRows}. */
export function parallelAlgebra({ pool, kernels }: Parallel, elementwise: Kernels): Kernels {
  const { threads } = pool;

  const gemmWorkspace: Kernel = (m, n, k) => threads * wholeLines(kernels.gemmWorkspace(m, n, k));

  // deno-fmt-ignore
  const gemm: Kernel = (
    m, n, k, alpha, beta, c, strideC, a, strideA, transposeA, b, strideB, transposeB, workspace,
  ) => {
    const work = 2 * m * n * k;
    if (work < pool.grain) {
      return kernels.gemm(
        m, n, k, alpha, beta, c, strideC, a, strideA, transposeA, b, strideB, transposeB, workspace,
      );
    }
    const pieces = piecesOf(work, pool);
    const tasks = n >= m
      ? evenRanges(n, pieces, TILE_COLUMNS).map(([from, to]) => [
        m, to - from, k, alpha, beta, c + BYTES * from, strideC, a, strideA, transposeA,
        b + BYTES * from * (transposeB ? strideB : 1), strideB, transposeB,
      ])
      : evenRanges(m, pieces, TILE_ROWS).map(([from, to]) => [
        to - from, n, k, alpha, beta, c + BYTES * from * strideC, strideC,
        a + BYTES * from * (transposeA ? 1 : strideA), strideA, transposeA, b, strideB, transposeB,
      ]);
    const workspaceBytes = wholeLines(kernels.gemmWorkspace(m, n, k));
    pool.run({ kernel: "gemm", tasks, workspace, workspaceBytes }, work);
    return 0;
  };

  return {
    gemmWorkspace,
    gemm,
    // As in asm/rotate.ts, product by product.
    rotateWorkspace: (m, n) => 2 * wholeLines(BYTES * m * n) + gemmWorkspace(m, n, Math.max(m, n)),

    // deno-fmt-ignore
    rotateInto(m, n, out, strideOut, x, strideX, qOut, strideQOut, qIn, strideQIn, workspace) {
      const half = workspace, rest = workspace + wholeLines(BYTES * m * n);
      gemm(m, n, n, 1, 0, half, n, x, strideX, 0, qIn, strideQIn, 0, rest);
      return gemm(m, n, m, 1, 0, out, strideOut, qOut, strideQOut, 1, half, n, 0, rest);
    },

    // deno-fmt-ignore
    rotateBack(
      m, n, lambda, exponent, out, strideOut, x, strideX, qOut, strideQOut, qIn, strideQIn,
      theta, strideTheta, workspace,
    ) {
      const half = workspace, quotient = half + wholeLines(BYTES * m * n);
      const rest = quotient + wholeLines(BYTES * m * n);
      if (theta !== 0) {
        elementwise.dampedDivide(
          m, n, lambda, exponent, quotient, n, x, strideX, theta, strideTheta,
        );
      }
      const [from, stride] = theta === 0 ? [x, strideX] : [quotient, n];
      gemm(m, n, n, 1, 0, half, n, from, stride, 0, qIn, strideQIn, 1, rest);
      return gemm(m, n, m, 1, 0, out, strideOut, qOut, strideQOut, 0, half, n, 0, rest);
    },
  };
}
