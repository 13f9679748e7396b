/**
 * Losses and their gradients.
 *
 * @module
 */

import type { Verbs } from "../../backend.ts";
import { addressOf, type Machine } from "../module/machine.ts";
import { notLoaded } from "./elementwise.ts";

/** The verbs of this topic. */
export type Losses = Pick<Verbs, "loss" | "sampledLossGradient" | "gaussNewtonGradient">;

/** The verbs of this topic on one machine; `axpby` scales the noise of normal targets. */
export function createLosses(machine: Machine, { axpby }: Pick<Verbs, "axpby">): Losses {
  const kernels = machine.exports;
  return {
    loss(kind, losses, gradients, z, targets, parameter = 0) {
      const { rows: n, cols: k } = z;
      const l = addressOf(losses), g = addressOf(gradients), t = addressOf(targets);
      if (kind === "softmaxCrossEntropy") {
        kernels.softmaxLoss(n, k, l, g, gradients.stride, addressOf(z), z.stride, t, parameter);
      } else if (kind === "sigmoidCrossEntropy") {
        // deno-fmt-ignore
        kernels.sigmoidLoss(
          n, k, l, g, gradients.stride, addressOf(z), z.stride, t, targets.stride,
        );
      } else {
        if (kind === "huber" || kind === "gaussian") throw notLoaded(`Cannot run loss '${kind}'`);
        const weight = kind === "halfSumSquaredError" ? 1 : 2 / Math.max(k, 1);
        // deno-fmt-ignore
        kernels.squaredLoss(
          n, k, weight, l, g, gradients.stride, addressOf(z), z.stride, t, targets.stride,
        );
      }
    },

    sampledLossGradient(kind, gradients, z, noise) {
      const { rows: n, cols: k } = z;
      const g = addressOf(gradients), u = addressOf(noise);
      if (kind === "softmaxCrossEntropy") {
        kernels.softmaxSampledGradient(n, k, g, gradients.stride, addressOf(z), z.stride, u);
      } else if (kind === "sigmoidCrossEntropy") {
        // deno-fmt-ignore
        kernels.sigmoidSampledGradient(
          n, k, g, gradients.stride, addressOf(z), z.stride, u, noise.stride,
        );
      } else {
        // With targets z + deviation * noise the gradient does not depend on z.
        axpby(
          gradients,
          kind === "meanSquaredError" ? -Math.sqrt(2 / Math.max(k, 1)) : -1,
          noise,
          0,
        );
      }
    },

    gaussNewtonGradient(kind, gradients, z, signs) {
      const { rows: n, cols: k } = z;
      const g = addressOf(gradients), e = addressOf(signs);
      if (kind === "softmaxCrossEntropy") {
        // deno-fmt-ignore
        kernels.softmaxCurvatureGradient(
          n, k, g, gradients.stride, addressOf(z), z.stride, e, signs.stride,
        );
      } else if (kind === "sigmoidCrossEntropy") {
        // deno-fmt-ignore
        kernels.sigmoidCurvatureGradient(
          n, k, g, gradients.stride, addressOf(z), z.stride, e, signs.stride,
        );
      } else {
        const scale = kind === "meanSquaredError" ? Math.sqrt(2 / Math.max(k, 1)) : 1;
        axpby(gradients, scale, signs, 0);
      }
    },
  };
}
