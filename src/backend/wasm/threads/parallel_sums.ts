/**
 * Second moments, and the gradients of a convolution's weights, on several threads.
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
  wholeLines,
} from "./parallel.ts";
import { triangleRanges } from "./split.ts";
import { bytesOfParts, sumInParts } from "./sum_in_parts.ts";
import { readWindow } from "./window_record.ts";

/** Names of the kernels that tasks of this topic call. */
export const SUM_KERNELS: readonly string[] = [
  "secondMoment",
  "secondMomentColumns",
  "conv2dWeightGradient",
  "patchSecondMoment",
];

/**
 * From so many rows per column on, adding parts of a second moment costs less than reading X once for
 * each range of its columns.
 */
const TALL = 4;

/** The parallel kernels of this topic; `axpby` is the parallel one. */
export function parallelSums(
  { pool, kernels }: Parallel,
  memory: WebAssembly.Memory,
  axpby: Kernel,
): Kernels {
  const { threads } = pool;
  return {
    secondMomentWorkspace(n, d) {
      const bytes = wholeLines(kernels.secondMomentWorkspace(n, d));
      return threads * bytes + (n >= TALL * d ? bytesOfParts(threads, d, d) : 0);
    },

    // deno-fmt-ignore
    secondMoment(n, d, decay, scale, c, strideC, x, strideX, weights, workspace) {
      const work = n * d * d;
      if (work < pool.grain) {
        return kernels.secondMoment(
          n, d, decay, scale, c, strideC, x, strideX, weights, workspace,
        );
      }
      const workspaceBytes = wholeLines(kernels.secondMomentWorkspace(n, d));
      if (n >= TALL * d) {
        sumInParts(pool, {
          kernel: "secondMoment", terms: n, rows: d, cols: d, out: c, stride: strideC, decay,
          workspace, workspaceBytes, work,
        }, ([from, to], part) => [
          to - from, d, part.decay, scale, part.out, part.stride,
          x + BYTES * from * strideX, strideX, weights === 0 ? 0 : weights + BYTES * from,
        ], axpby);
        return 0;
      }
      const tasks = triangleRanges(d, piecesOf(work, pool), TILE_COLUMNS).map(([from, to]) => [
        from, to, n, decay, scale, c, strideC, x, strideX, weights,
      ]);
      pool.run({ kernel: "secondMomentColumns", tasks, workspace, workspaceBytes }, work);
      return 0;
    },

    conv2dWeightGradientWorkspace(window, examples, outputs) {
      const bytes = wholeLines(kernels.conv2dWeightGradientWorkspace(window, examples, outputs));
      return threads * bytes + bytesOfParts(threads, outputs, readWindow(memory, window).depth);
    },

    // deno-fmt-ignore
    conv2dWeightGradient(
      window, examples, outputs, decay, scale, out, strideOut, images, strideImages, g, strideG,
      workspace,
    ) {
      const { pixels, locations, depth } = readWindow(memory, window);
      const work = 2 * examples * locations * depth * outputs;
      if (work < pool.grain || examples < 2) {
        return kernels.conv2dWeightGradient(
          window, examples, outputs, decay, scale, out, strideOut, images, strideImages,
          g, strideG, workspace,
        );
      }
      const workspaceBytes = wholeLines(
        kernels.conv2dWeightGradientWorkspace(window, examples, outputs),
      );
      sumInParts(pool, {
        kernel: "conv2dWeightGradient", terms: examples, rows: outputs, cols: depth,
        out, stride: strideOut, decay, workspace, workspaceBytes, work,
      }, ([from, to], part) => [
        window, to - from, outputs, part.decay, scale, part.out, part.stride,
        images + BYTES * from * pixels * strideImages, strideImages,
        g + BYTES * from * locations * strideG, strideG,
      ], axpby);
      return 0;
    },

    patchSecondMomentWorkspace(window, examples, weighted) {
      const bytes = wholeLines(kernels.patchSecondMomentWorkspace(window, examples, weighted));
      const { depth } = readWindow(memory, window);
      return threads * bytes + bytesOfParts(threads, depth, depth);
    },

    // deno-fmt-ignore
    patchSecondMoment(
      window, examples, decay, scale, c, strideC, images, strideImages, weights, workspace,
    ) {
      const { pixels, locations, depth } = readWindow(memory, window);
      const work = examples * locations * depth * depth;
      if (work < pool.grain || examples < 2) {
        return kernels.patchSecondMoment(
          window, examples, decay, scale, c, strideC, images, strideImages, weights, workspace,
        );
      }
      const workspaceBytes = wholeLines(
        kernels.patchSecondMomentWorkspace(window, examples, weights === 0 ? 0 : 1),
      );
      sumInParts(pool, {
        kernel: "patchSecondMoment", terms: examples, rows: depth, cols: depth,
        out: c, stride: strideC, decay, workspace, workspaceBytes, work,
      }, ([from, to], part) => [
        window, to - from, part.decay, scale, part.out, part.stride,
        images + BYTES * from * pixels * strideImages, strideImages,
        weights === 0 ? 0 : weights + BYTES * from * locations,
      ], axpby);
      return 0;
    },
  };
}
