/**
 * Losses of regression beside the squared ones.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import type { ExtensionHost } from "../../extension.ts";
import { addressOf } from "../module/machine.ts";
import type { DensityLossExports } from "./_kernels.gen.ts";

/** The verbs of this topic; other kinds of loss are the host's. */
export type DensityLosses = Pick<Verbs, "loss" | "sampledLossGradient" | "gaussNewtonGradient">;

/** The verbs of this topic on one machine. */
export function createDensityLosses(
  { verbs }: ExtensionHost,
  kernels: DensityLossExports,
): DensityLosses {
  return {
    loss(kind, losses, gradients, z, targets, parameter = 0) {
      const { rows: n, cols: k } = z;
      if (kind === "huber") {
        // deno-fmt-ignore
        kernels.huberLoss(
          n, k, parameter, addressOf(losses), addressOf(gradients), gradients.stride,
          addressOf(z), z.stride, addressOf(targets), targets.stride,
        );
      } else if (kind === "gaussian") {
        // deno-fmt-ignore
        kernels.gaussianLoss(
          n, k, addressOf(losses), addressOf(gradients), gradients.stride,
          addressOf(z), z.stride, addressOf(targets), targets.stride,
        );
      } else verbs.loss(kind, losses, gradients, z, targets, parameter);
    },

    sampledLossGradient(kind, gradients, z, noise) {
      if (kind !== "gaussian") return verbs.sampledLossGradient(kind, gradients, z, noise);
      // deno-fmt-ignore
      kernels.gaussianSampledGradient(
        z.rows, z.cols, 0, addressOf(gradients), gradients.stride,
        addressOf(z), z.stride, addressOf(noise), noise.stride,
      );
    },

    gaussNewtonGradient(kind, gradients, z, signs) {
      if (kind !== "gaussian") return verbs.gaussNewtonGradient(kind, gradients, z, signs);
      // deno-fmt-ignore
      kernels.gaussianSampledGradient(
        z.rows, z.cols, 1, addressOf(gradients), gradients.stride,
        addressOf(z), z.stride, addressOf(signs), signs.stride,
      );
    },
  };
}
