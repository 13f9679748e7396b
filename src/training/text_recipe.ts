/**
 * How a language model is trained unless the user says otherwise.
 *
 * @module
 */

import { cosine, type Schedule, warmup } from "../core/schedule.ts";
import type { OptimizerName, OptimizerSettings } from "../optim/optimizers.ts";

/** The sizes of a language model, and how much it sees. */
export interface TextRecipe {
  /** Blocks of attention and two dense layers. */
  readonly layers: number;
  /** Heads of each attention. */
  readonly heads: number;
  /** Channels of a position. */
  readonly width: number;
  /** Characters that the model looks at. */
  readonly context: number;
  /** Windows per step. */
  readonly batchSize: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** How it is trained. */
  readonly optimizer: OptimizerName;
  /** What each optimizer is set to; what is not named stays at the optimizer's default. */
  readonly settings: OptimizerSettings;
}

/** Decay of weights, and the bound on the gradient's norm, as they are usual for language models. */
const usual = { weightDecay: { kind: "decoupled", value: 0.1 }, gradientNormClip: 1 } as const;

/** The recipe of `gpt` on characters: the sizes that train on a processor in minutes. */
export const textRecipe: TextRecipe = {
  layers: 4,
  heads: 4,
  width: 128,
  context: 64,
  batchSize: 12,
  steps: 2000,
  optimizer: "muon",
  settings: {
    tekfac: {},
    ekfac: {},
    tkfac: {},
    kfac: {},
    soap: { ...usual, learningRate: 3e-3 },
    muon: {
      ...usual,
      learningRate: 0.03,
      adam: { learningRate: 4e-3, beta1: 0.9, beta2: 0.99 },
    },
    adam: { ...usual, learningRate: 3e-3, beta1: 0.9, beta2: 0.99 },
    sgd: { gradientNormClip: 1, learningRate: 0.3 },
  },
};

/**
 * Factor of the updates of a language model: rises over the first 100 steps, or the first tenth of a short run, then
 * half a cosine down to a tenth.
 *
 * @param steps Of the whole run, >= 1.
 * @throws {OptionError} When it is not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { valueAt } from "@tekfac/tekfac/core";
 * import { textAnnealing } from "@tekfac/tekfac/training";
 *
 * const annealing = textAnnealing(2000);
 * assert(valueAt(annealing, 0) < 0.011 && valueAt(annealing, 100) > 0.99);
 * assert.equal(valueAt(annealing, 2000), 0.1);
 * ```
 */
export function textAnnealing(steps: number): Schedule {
  return warmup(Math.min(100, Math.ceil(steps / 10)), cosine(steps, 0.1));
}
