/**
 * Batch normalisation.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import type { ExtensionHost } from "../../extension.ts";
import { addressOf } from "../module/machine.ts";
import type { BatchNormExports } from "./_kernels.gen.ts";

/** The verbs of this topic. */
export type BatchNorm = Pick<
  Verbs,
  "columnMoments" | "batchNorm" | "batchNormSums" | "batchNormGradient"
>;

/** The verbs of this topic on one machine. */
export function createBatchNorm(host: ExtensionHost, kernels: BatchNormExports): BatchNorm {
  return {
    columnMoments(out, x) {
      const { rows, cols } = x;
      host.withWorkspace(kernels.columnMomentsWorkspace(rows, cols), (workspace) => {
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
      host.withWorkspace(kernels.batchNormSumsWorkspace(rows, cols), (workspace) => {
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
