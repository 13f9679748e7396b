/**
 * The convolution of sequences.
 *
 * @module
 */

import { convGeometry, outWidth, resolveWindow, type SlidingWindow } from "../core/geometry.ts";
import { checkNumber } from "../core/options.ts";
import {
  flag,
  number,
  optional,
  resolve,
  type Resolved,
  type SchemaOf,
  where,
} from "../core/schema.ts";
import { buildConvolution } from "./build_convolution.ts";
import { expectGroups, expectSequence } from "./example_shape.ts";
import { type Initializer, lecunNormal } from "./init.ts";
import { initializerRule, trainableRule } from "./layer_parameter.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { PaddedSequence } from "./padded_sequence.ts";
import { type SequencePadding, sequencePadding } from "./sequence_padding.ts";

/** Options of {@linkcode conv1d}. */
export interface Conv1dOptions {
  /** Positions of the window, >= 1. */
  readonly kernel: number;
  /** Step between windows, >= 1. @default {1} */
  readonly stride?: number;
  /** Zeros around the sequence: an integer >= 0, `"same"` or `"causal"`. @default {0} */
  readonly padding?: SequencePadding;
  /** Distance between neighbouring positions of the window, >= 1. @default {1} */
  readonly dilation?: number;
  /** Groups of channels that are convolved each for itself, as of `conv2d`. @default {1} */
  readonly groups?: number;
  /** Whether every output channel has a bias. @default {true} */
  readonly bias?: boolean;
  /** Draws the initial weights; see `init.ts` for which to choose. @default {lecunNormal} */
  readonly init?: Initializer;
  /** `false` freezes the weights; `model.freeze` and `model.unfreeze` change it. @default {true} */
  readonly trainable?: boolean;
}

const size = number({ min: 1, integer: true });

const paddingRule = where(
  "an integer >= 0, 'same' or 'causal'",
  (value): value is SequencePadding =>
    value === "same" || value === "causal" || Number.isInteger(value) && (value as number) >= 0,
);

/** What the options take. */
export const conv1dSchema = {
  kernel: size,
  stride: optional(size, 1),
  padding: optional(paddingRule, 0),
  dilation: optional(size, 1),
  groups: optional(size, 1),
  bias: optional(flag, true),
  init: optional(initializerRule, lecunNormal),
  trainable: trainableRule,
} satisfies SchemaOf<Conv1dOptions>;

/**
 * A convolution of sequences: `s_nt = Wbar abar_nt`, `abar_nt` the positions `stride t + dilation k`, k = 0 ..
 * kernel - 1, of the padded sequence n, position after position, and a 1. Its curvature is that of a convolution of
 * images one pixel high.
 *
 * Takes [positions, channels] and gives [outPositions, outChannels].
 *
 * @param outChannels Number of output channels, dOut >= 1.
 * @param options Geometry, groups, bias and initial weights.
 * @throws {OptionError} When an option is unknown or outside its range. Whether the window fits and the groups divide
 * the channels is checked when the layer is built (`ShapeError`).
 *
 * @example A causal convolution keeps the length, and half the positions with stride 2
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { conv1d, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, {
 *   input: [10, 4],
 *   layers: [
 *     conv1d(8, { kernel: 3, padding: "causal", dilation: 2, groups: 2 }),
 *     conv1d(6, { kernel: 3, padding: "same", stride: 2 }),
 *   ],
 *   seed: 1,
 * });
 * assert.deepEqual(model.layers.map(({ output }) => output), [[10, 8], [5, 6]]);
 * assert.deepEqual(model.parameters.map(({ value }) => value.cols), [3 * 4 / 2 + 1, 3 * 8 + 1]);
 * ```
 */
export function conv1d(outChannels: number, options: Conv1dOptions): LayerSpec {
  const subject = "Cannot create conv1d";
  checkNumber(subject, "outChannels", outChannels, { min: 1, integer: true });
  const resolved = resolve(subject, options, conv1dSchema);
  const { init, trainable, groups, ...plain } = resolved;
  return {
    kind: "conv1d",
    options: { outChannels, ...plain, ...(groups > 1 ? { groups } : {}) },
    build(context: BuildContext): Layer {
      const [positions, channels] = expectSequence(context);
      expectGroups(context, groups, outChannels);
      const [front, behind] = sequencePadding(positions, resolved);
      // Zeros that are the same on both sides are the kernels' own business.
      const even = front === behind;
      const length = even ? positions : front + positions + behind;
      const window = windowOf(context.name, [length, channels], resolved, even ? front : 0);
      const geometry = convGeometry(window, resolved.bias, groups);
      const output = [outWidth(window), outChannels] as const;
      const layer = buildConvolution(context, geometry, output, { init, trainable });
      return even ? layer : new PaddedSequence(context.backend, layer, positions, front, length);
    },
  };
}

type Numbers = Resolved<typeof conv1dSchema>;

/** The window of an image one pixel high. */
function windowOf(
  name: string,
  [positions, channels]: readonly [number, number],
  { kernel, stride, dilation }: Numbers,
  padding: number,
): SlidingWindow {
  return resolveWindow(`Cannot build '${name}'`, [1, positions, channels], {
    kernel: [1, kernel],
    stride: [1, stride],
    dilation: [1, dilation],
    padding: [0, padding],
  });
}
