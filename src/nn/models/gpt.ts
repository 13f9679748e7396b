/**
 * A transformer that predicts the next token.
 *
 * @module
 */

import { flag, optional, resolve } from "../../core/schema.ts";
import { attention } from "../attention.ts";
import { dense } from "../dense.ts";
import { embedding } from "../embedding.ts";
import type { LayerSpec } from "../module.ts";
import { residual } from "../residual.ts";
import { layerNorm } from "../row_norm.ts";
import { gelu } from "../smooth_activations.ts";
import { tiedHead } from "../tied_head.ts";
import { size } from "./rules.ts";

/** Options of {@linkcode gpt}. */
export interface GptOptions {
  /** Number of tokens. */
  readonly vocabulary: number;
  /** Longest sequence. @default {128} */
  readonly context?: number;
  /** Blocks of attention and two dense layers. @default {4} */
  readonly layers?: number;
  /** Heads of each attention. @default {4} */
  readonly heads?: number;
  /** Channels of a position, a multiple of the heads. @default {128} */
  readonly width?: number;
  /** Whether queries and keys are turned by their positions, in the place of a table of them. @default {false} */
  readonly rotary?: boolean;
  /** Whether the head shares the table of tokens, see `tiedHead`. @default {false} */
  readonly tied?: boolean;
}

/**
 * The layers of a causal transformer with normalisations in front (Radford et al. 2019, GPT-2): tables of tokens and
 * positions, blocks `x + attention(layerNorm(x))` and `x + dense(gelu(dense(layerNorm(x))))` with 4 width hidden
 * units, a last normalisation, and logits of the next token at every position. Takes [positions] tokens, at most
 * `context` where positions have a table; its targets are the tokens that follow.
 *
 * @example Logits of four tokens at three positions
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { gpt, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 * import { tekfac } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * const layers = gpt({ vocabulary: 4, context: 3, layers: 1, heads: 2, width: 8 });
 * using model = sequential(backend, { input: [3], layers, seed: 1 });
 * assert.deepEqual(model.output, [3, 4]);
 *
 * using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
 * const batch = { inputs: [0, 1, 2, 1, 2, 3], targets: [1, 2, 3, 2, 3, 0] };
 * const { loss } = optimizer.stepSync(batch);
 * assert(Math.abs(loss - Math.log(4)) < 1);
 * ```
 */
export function gpt(options: GptOptions): LayerSpec[] {
  const { vocabulary, context, layers, heads, width, rotary, tied } = resolve(
    "Cannot create gpt",
    options,
    {
      vocabulary: size,
      context: optional(size, 128),
      layers: optional(size, 4),
      heads: optional(size, 4),
      width: optional(size, 128),
      rotary: optional(flag, false),
      tied: optional(flag, false),
    },
  );
  const block = () => [
    residual([layerNorm(), attention({ heads, causal: true, rotary })]),
    residual([layerNorm(), dense(4 * width), gelu(), dense(width)]),
  ];
  const tokens = embedding({ vocabulary, width, ...(rotary ? {} : { positions: context }) });
  return [
    tokens,
    ...Array.from({ length: layers }, block).flat(),
    layerNorm(),
    tied ? tiedHead(tokens) : dense(vocabulary, { bias: false }),
  ];
}
