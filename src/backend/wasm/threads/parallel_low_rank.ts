/**
 * Curvature along a few directions, on several threads: ranges of columns or rows of what is divided,
 * and sums over examples.
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
import { bytesOfParts, sumInParts } from "./sum_in_parts.ts";
import { readWindow } from "./window_record.ts";

/** Names of the kernels that tasks of this topic call. */
export const LOW_RANK_KERNELS: readonly string[] = ["lowRankUpdate", "projectedMoments"];

/** The parallel kernels of this topic; `axpby` is the parallel one. */
export function parallelLowRank(
  { pool, kernels }: Parallel,
  memory: WebAssembly.Memory,
  axpby: Kernel,
): Kernels {
  const { threads } = pool;
  return {
    lowRankUpdateWorkspace: (m, n, kOut, kIn) =>
      threads * wholeLines(kernels.lowRankUpdateWorkspace(m, n, kOut, kIn)),

    // deno-fmt-ignore
    lowRankUpdate(
      m, n, kOut, kIn, rest, out, strideOut, x, strideX, qOut, strideQOut, r, strideR, c, strideC,
      qIn, strideQIn, weights, workspace,
    ) {
      const work = 2 * m * n * (kOut + kIn);
      if (work < pool.grain) {
        return kernels.lowRankUpdate(
          m, n, kOut, kIn, rest, out, strideOut, x, strideX, qOut, strideQOut, r, strideR,
          c, strideC, qIn, strideQIn, weights, workspace,
        );
      }
      const pieces = piecesOf(work, pool);
      const tasks = n >= m
        ? evenRanges(n, pieces, TILE_COLUMNS).map(([from, to]) => [
          m, to - from, kOut, kIn, rest, out + BYTES * from, strideOut, x + BYTES * from, strideX,
          qOut, strideQOut, r + BYTES * from, strideR, c, strideC,
          qIn + BYTES * from, strideQIn, weights,
        ])
        : evenRanges(m, pieces, TILE_ROWS).map(([from, to]) => [
          to - from, n, kOut, kIn, rest, out + BYTES * from * strideOut, strideOut,
          x + BYTES * from * strideX, strideX, qOut + BYTES * from, strideQOut, r, strideR,
          c + BYTES * from * strideC, strideC, qIn, strideQIn, weights,
        ]);
      const workspaceBytes = wholeLines(kernels.lowRankUpdateWorkspace(m, n, kOut, kIn));
      pool.run({ kernel: "lowRankUpdate", tasks, workspace, workspaceBytes }, work);
      return 0;
    },

    projectedMomentsWorkspace(window, examples, dOut, kOut, kIn) {
      const bytes = kernels.projectedMomentsWorkspace(window, examples, dOut, kOut, kIn);
      return threads * wholeLines(bytes) + bytesOfParts(threads, kOut + 1, kIn + 1);
    },

    // deno-fmt-ignore
    projectedMoments(
      window, examples, dOut, kOut, kIn, decay, scale, moments, strideM,
      images, strideImages, g, strideG, qOut, strideQOut, qIn, strideQIn, workspace,
    ) {
      const { pixels, locations, depth } = readWindow(memory, window);
      const work = 2 * examples * locations * depth * Math.min(dOut, kIn + locations);
      if (work < pool.grain || examples < 2) {
        return kernels.projectedMoments(
          window, examples, dOut, kOut, kIn, decay, scale, moments, strideM,
          images, strideImages, g, strideG, qOut, strideQOut, qIn, strideQIn, workspace,
        );
      }
      const workspaceBytes = wholeLines(
        kernels.projectedMomentsWorkspace(window, examples, dOut, kOut, kIn),
      );
      sumInParts(pool, {
        kernel: "projectedMoments", terms: examples, rows: kOut + 1, cols: kIn + 1,
        out: moments, stride: strideM, decay, workspace, workspaceBytes, work,
      }, ([from, to], part) => [
        window, to - from, dOut, kOut, kIn, part.decay, scale, part.out, part.stride,
        images + BYTES * from * pixels * strideImages, strideImages,
        g + BYTES * from * locations * strideG, strideG, qOut, strideQOut, qIn, strideQIn,
      ], axpby);
      return 0;
    },
  };
}
