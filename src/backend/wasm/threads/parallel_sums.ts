/**
 * Sums over the examples of convolutions. Each thread's share of the examples makes a sum of its own;
 * these are added in the order of the examples, whoever computed them, so a result depends on the
 * number of threads, but on nothing that happens at run time.
 *
 * @module
 */

import { BYTES, type Kernel, type Kernels, type Parallel, wholeLines } from "./parallel.ts";
import { evenRanges } from "./split.ts";
import { readWindow } from "./window_record.ts";

/** Names of the kernels that tasks of this topic call. */
export const SUM_KERNELS: readonly string[] = ["conv2dWeightGradient", "patchSecondMoment"];

/** The parallel kernels of this topic; `axpby` is the parallel one. */
export function parallelSums(
  { pool, kernels }: Parallel,
  memory: WebAssembly.Memory,
  axpby: Kernel,
): Kernels {
  const others = pool.threads - 1;

  /** Adds matrices without gaps, one behind the other, to a result. */
  function add(
    rows: number,
    cols: number,
    out: number,
    stride: number,
    first: number,
    count: number,
  ) {
    const bytes = wholeLines(BYTES * rows * cols);
    for (let i = 0; i < count; i++) {
      axpby(rows, cols, 1, 1, out, stride, first + i * bytes, cols);
    }
  }

  return {
    conv2dWeightGradientWorkspace(window, examples, outputs) {
      const bytes = wholeLines(kernels.conv2dWeightGradientWorkspace(window, examples, outputs));
      const { depth } = readWindow(memory, window);
      return pool.threads * bytes + others * wholeLines(BYTES * outputs * depth);
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
      const partial = workspace + pool.threads * workspaceBytes;
      const bytes = wholeLines(BYTES * outputs * depth);
      const ranges = evenRanges(examples, pool.threads, 1);
      const tasks = ranges.map(([from, to], i) => [
        window, to - from, outputs, i === 0 ? decay : 0, scale,
        i === 0 ? out : partial + (i - 1) * bytes, i === 0 ? strideOut : depth,
        images + BYTES * from * pixels * strideImages, strideImages,
        g + BYTES * from * locations * strideG, strideG,
      ]);
      pool.run({ kernel: "conv2dWeightGradient", tasks, workspace, workspaceBytes }, work);
      add(outputs, depth, out, strideOut, partial, ranges.length - 1);
      return 0;
    },

    patchSecondMomentWorkspace(window, examples, weighted) {
      const bytes = wholeLines(kernels.patchSecondMomentWorkspace(window, examples, weighted));
      const { depth } = readWindow(memory, window);
      return pool.threads * bytes + others * wholeLines(BYTES * depth * depth);
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
      const partial = workspace + pool.threads * workspaceBytes;
      const bytes = wholeLines(BYTES * depth * depth);
      const ranges = evenRanges(examples, pool.threads, 1);
      const tasks = ranges.map(([from, to], i) => [
        window, to - from, i === 0 ? decay : 0, scale,
        i === 0 ? c : partial + (i - 1) * bytes, i === 0 ? strideC : depth,
        images + BYTES * from * pixels * strideImages, strideImages,
        weights === 0 ? 0 : weights + BYTES * from * locations,
      ]);
      pool.run({ kernel: "patchSecondMoment", tasks, workspace, workspaceBytes }, work);
      add(depth, depth, c, strideC, partial, ranges.length - 1);
      return 0;
    },
  };
}
