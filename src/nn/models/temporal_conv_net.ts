/**
 * A network of causal convolutions for sequences.
 *
 * @module
 */

import { choice, number, optional, resolve } from "../../core/schema.ts";
import { relu } from "../activations.ts";
import { conv1d } from "../conv1d.ts";
import { dense } from "../dense.ts";
import { dropout } from "../dropout.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { lastPosition } from "../positions.ts";
import { residual } from "../residual.ts";
import { size } from "./rules.ts";

/** Options of {@linkcode temporalConvNet}. */
export interface TemporalConvNetOptions {
  /** Numbers that are predicted. */
  readonly outputs: number;
  /** Channels of every hidden position. @default {32} */
  readonly channels?: number;
  /** Residual blocks, 1 to 24; the i-th, counted from 0, has dilation 2^i. @default {4} */
  readonly levels?: number;
  /** Positions of a window, >= 2. @default {3} */
  readonly kernel?: number;
  /** Share of a block's numbers that is dropped in training, in [0, 1). @default {0} */
  readonly dropout?: number;
  /** Whether it predicts at the last position or at every one. @default {"last"} */
  readonly at?: "last" | "every";
}

/**
 * A temporal convolutional network (Bai, Kolter & Koltun 2018, arXiv 1803.01271): after a convolution of single
 * positions, blocks `x + relu(conv(relu(conv(x))))` of causal convolutions with dilation 1, 2, 4, ...; the last
 * position sees `1 + 2 (kernel - 1) (2^levels - 1)` positions back, the default 61. The paper's weight normalisation
 * is left out. Takes [positions, channels] of any length.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example The next value of a wave
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { objective, sequential, squaredError, temporalConvNet } from "@tekfac/tekfac/nn";
 * import { tekfac } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * const layers = temporalConvNet({ outputs: 1, channels: 8, levels: 2 });
 * using model = sequential(backend, { input: [12, 1], layers, seed: 1 });
 * using optimizer = tekfac(objective(model, squaredError()));
 *
 * const starts = Array.from({ length: 32 }, (_, n) => n / 5);
 * const inputs = starts.flatMap((start) => Array.from({ length: 12 }, (_, t) => Math.sin(start + t)));
 * const batch = { inputs, targets: starts.map((start) => Math.sin(start + 12)) };
 * const first = optimizer.stepSync(batch).loss;
 * for (let step = 0; step < 30; step++) optimizer.stepSync(batch);
 * assert(optimizer.stepSync(batch).loss < first / 10);
 * ```
 */
export function temporalConvNet(options: TemporalConvNetOptions): LayerSpec[] {
  const subject = "Cannot create temporalConvNet";
  const { outputs, channels, levels, kernel, dropout: rate, at } = resolve(subject, options, {
    outputs: size,
    channels: optional(size, 32),
    levels: optional(number({ min: 1, max: 24, integer: true }), 4),
    kernel: optional(number({ min: 2, integer: true }), 3),
    dropout: optional(number({ min: 0, below: 1 }), 0),
    at: optional(choice("last", "every"), "last"),
  });
  const convolution = (dilation: number): LayerSpec[] => [
    conv1d(channels, { kernel, dilation, padding: "causal", init: heNormal }),
    relu(),
    ...(rate > 0 ? [dropout(rate)] : []),
  ];
  return [
    conv1d(channels, { kernel: 1, init: lecunNormal }),
    ...Array.from({ length: levels }, (_, level) => {
      return residual([...convolution(2 ** level), ...convolution(2 ** level)]);
    }),
    ...(at === "last" ? [lastPosition()] : []),
    dense(outputs, { init: lecunNormal }),
  ];
}
