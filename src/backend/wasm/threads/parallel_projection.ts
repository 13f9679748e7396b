/**
 * Second moments of per-example gradients in an eigenbasis, on several threads.
 *
 * @module
 */

import {
  BYTES,
  type Kernels,
  type Parallel,
  piecesOf,
  wholeLines,
  WORK_PER_NUMBER,
} from "./parallel.ts";
import { evenRanges } from "./split.ts";
import { readWindow } from "./window_record.ts";

/** Names of the kernels that tasks of this topic call. */
export const PROJECTION_KERNELS: readonly string[] = ["addSquares", "conv2dExampleGradients"];

/** The parallel kernels of this topic, composed of other parallel ones. */
export function parallelProjection(
  { pool, kernels }: Parallel,
  memory: WebAssembly.Memory,
  { gemm, gemmWorkspace, squares, axpby }: Kernels,
): Kernels {
  const { threads } = pool;
  return {
    // As in asm/squared_projection.ts, step by step.
    squaredProjectionWorkspace(n, dOut, dIn) {
      const d = Math.max(dOut, dIn), longest = Math.max(n, d);
      return wholeLines(BYTES * n * dOut) + wholeLines(BYTES * n * dIn) +
        gemmWorkspace(longest, d, longest);
    },

    // deno-fmt-ignore
    squaredProjection(
      n, dOut, dIn, decay, scale, theta, strideTheta, g, strideG, a, strideA,
      qOut, strideQOut, qIn, strideQIn, workspace,
    ) {
      const g2 = workspace, a2 = g2 + wholeLines(BYTES * n * dOut);
      const rest = a2 + wholeLines(BYTES * n * dIn);
      const squareRotated = (
        d: number, out: number, x: number, strideX: number, q: number, strideQ: number,
      ) => {
        if (q === 0) return squares(n, d, 0, 1, out, d, x, strideX);
        gemm(n, d, d, 1, 0, out, d, x, strideX, 0, q, strideQ, 0, rest);
        return squares(1, n * d, 0, 1, out, 0, out, 0);
      };
      squareRotated(dOut, g2, g, strideG, qOut, strideQOut);
      squareRotated(dIn, a2, a, strideA, qIn, strideQIn);
      gemm(dOut, dIn, n, scale, decay, theta, strideTheta, g2, dOut, 1, a2, dIn, 0, rest);
      return axpby(dOut, dIn, 1, 0, theta, strideTheta, theta, strideTheta);
    },

    // Columns of Theta, rows of the gradients.
    // deno-fmt-ignore
    addSquares(n, dOut, dIn, wide, decay, scale, theta, strideTheta, gradients) {
      const work = WORK_PER_NUMBER * n * dOut * dIn;
      if (work < pool.grain) {
        return kernels.addSquares(
          n, dOut, dIn, wide, decay, scale, theta, strideTheta, gradients,
        );
      }
      const tasks = evenRanges(dIn, threads, 1).map(([from, to]) => [
        n, dOut, to - from, wide, decay, scale, theta + BYTES * from, strideTheta,
        gradients + BYTES * from * n * wide,
      ]);
      pool.run({ kernel: "addSquares", tasks }, work);
      return 0;
    },

    conv2dExampleGradientsWorkspace: (window, examples, outputs) =>
      threads * wholeLines(kernels.conv2dExampleGradientsWorkspace(window, examples, outputs)),

    // deno-fmt-ignore
    conv2dExampleGradients(
      window, examples, outputs, out, strideOut, images, strideImages, g, strideG, workspace,
    ) {
      const { pixels, locations, depth } = readWindow(memory, window);
      const work = 2 * examples * locations * depth * outputs;
      if (work < pool.grain || examples < 2) {
        return kernels.conv2dExampleGradients(
          window, examples, outputs, out, strideOut, images, strideImages, g, strideG, workspace,
        );
      }
      const wide = Math.ceil(outputs / 8) * 8;
      const tasks = evenRanges(examples, piecesOf(work, pool), 1).map(([from, to]) => [
        window, to - from, outputs, out + BYTES * from * wide, strideOut,
        images + BYTES * from * pixels * strideImages, strideImages,
        g + BYTES * from * locations * strideG, strideG,
      ]);
      const workspaceBytes = wholeLines(
        kernels.conv2dExampleGradientsWorkspace(window, examples, outputs),
      );
      pool.run({ kernel: "conv2dExampleGradients", tasks, workspace, workspaceBytes }, work);
      return 0;
    },
  };
}
