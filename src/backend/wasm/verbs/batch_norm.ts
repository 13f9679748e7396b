/**
 * Batch normalisation.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";

/** What the kernels of this topic take; see `asm/batch_norm.ts`. */
interface Exports {
  columnMomentsWorkspace(rows: number, cols: number): number;
  // deno-fmt-ignore
  columnMoments(
    rows: number, cols: number, moments: number, strideMoments: number,
    x: number, strideX: number, workspace: number,
  ): void;
  // deno-fmt-ignore
  batchNorm(
    rows: number, cols: number, epsilon: number, y: number, strideY: number,
    x: number, strideX: number, moments: number, strideMoments: number,
    weights: number, strideWeights: number,
  ): void;
  batchNormSumsWorkspace(rows: number, cols: number): number;
  // deno-fmt-ignore
  batchNormSums(
    rows: number, cols: number, epsilon: number, sums: number, strideSums: number,
    x: number, strideX: number, g: number, strideG: number,
    moments: number, strideMoments: number, workspace: number,
  ): void;
  // deno-fmt-ignore
  batchNormGradient(
    rows: number, cols: number, total: number, epsilon: number, out: number, strideOut: number,
    x: number, strideX: number, g: number, strideG: number,
    moments: number, strideMoments: number, weights: number, strideWeights: number,
    sums: number, strideSums: number,
  ): void;
}

/** The verbs of this topic. */
export type BatchNorm = Pick<
  Verbs,
  "columnMoments" | "batchNorm" | "batchNormSums" | "batchNormGradient"
>;

/** The verbs of this topic on one machine. */
export function createBatchNorm(machine: Machine): BatchNorm {
  const kernels = machine.exports as unknown as Exports;
  return {
    columnMoments(out, x) {
      const { rows, cols } = x;
      machine.withWorkspace(kernels.columnMomentsWorkspace(rows, cols), (workspace) => {
        // deno-fmt-ignore
        kernels.columnMoments(
          rows, cols, addressOf(out), out.stride, addressOf(x), x.stride, workspace,
        );
      });
    },

    batchNorm(out, x, moments, weights, epsilon) {
      // deno-fmt-ignore
      kernels.batchNorm(
        x.rows, x.cols, epsilon, addressOf(out), out.stride, addressOf(x), x.stride,
        addressOf(moments), moments.stride, addressOf(weights), weights.stride,
      );
    },

    batchNormSums(out, x, g, moments, epsilon) {
      const { rows, cols } = x;
      machine.withWorkspace(kernels.batchNormSumsWorkspace(rows, cols), (workspace) => {
        // deno-fmt-ignore
        kernels.batchNormSums(
          rows, cols, epsilon, addressOf(out), out.stride, addressOf(x), x.stride,
          addressOf(g), g.stride, addressOf(moments), moments.stride, workspace,
        );
      });
    },

    batchNormGradient(out, x, g, moments, weights, sums, epsilon) {
      // deno-fmt-ignore
      kernels.batchNormGradient(
        x.rows, x.cols, x.rows, epsilon, addressOf(out), out.stride, addressOf(x), x.stride,
        addressOf(g), g.stride, addressOf(moments), moments.stride,
        addressOf(weights), weights.stride, addressOf(sums), sums.stride,
      );
    },
  };
}
