/**
 * Losses and their gradients.
 *
 * @module
 */

import type { LossKind, Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { type Machine, rowGrid } from "../device/machine.ts";

/** Numbers of the losses in `kernels/losses.wgsl`. */
const KINDS: Readonly<Record<LossKind, number>> = {
  softmaxCrossEntropy: 0,
  halfSumSquaredError: 1,
  meanSquaredError: 2,
  sigmoidCrossEntropy: 3,
  huber: 4,
  gaussian: 5,
};

/** The verbs of this topic. */
export type Losses = Pick<Verbs, "loss" | "sampledLossGradient" | "gaussNewtonGradient">;

/** The verbs of this topic on one machine. */
export function createLosses(machine: Machine): Losses {
  return {
    loss(kind, losses, gradients, z, targets, parameter = 0) {
      const { rows, cols } = z;
      machine.run(
        kernels.losses,
        { losses, gradients, z, targets },
        { rows, cols, parameter },
        rowGrid(rows),
        { overrides: { KIND: KINDS[kind] } },
      );
    },

    sampledLossGradient(kind, gradients, z, noise) {
      const { rows, cols } = z;
      machine.run(
        kernels.sampledLossGradient,
        { gradients, z, noise },
        { rows, cols },
        rowGrid(rows),
        { overrides: { KIND: KINDS[kind] } },
      );
    },

    gaussNewtonGradient(kind, gradients, z, signs) {
      const { rows, cols } = z;
      machine.run(
        kernels.gaussNewtonGradient,
        { gradients, z, signs },
        { rows, cols },
        rowGrid(rows),
        { overrides: { KIND: KINDS[kind] } },
      );
    },
  };
}
