/**
 * The language model that is timed, and what it is trained on.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { drawTokens, grammarText, splitText, type TokenBatch } from "@tekfac/tekfac/data";
import { createTextJob, type TextJob, textRecipe } from "@tekfac/tekfac/training";
import type { OptimizerName } from "@tekfac/tekfac/optim";

/** AdamW as both programs have it; constant, since only steps are compared. */
export const ADAMW = { learningRate: 1e-3, beta1: 0.9, beta2: 0.99, decay: 0.1, clip: 1 } as const;

/** SGD as both programs have it. */
export const SGD = { learningRate: 0.1, momentum: 0.9, clip: 1 } as const;

/** Batches of the text that is written by program. */
export function tokenBatches(count: number): { vocabulary: number; batches: TokenBatch[] } {
  const { train, vocabulary } = splitText(grammarText());
  const { context, batchSize: size } = textRecipe;
  const batches = Array.from(
    { length: count },
    (_, step) => drawTokens(train, { context, size, seed: 1, step }),
  );
  return { vocabulary: vocabulary.characters.length, batches };
}

/** A model of the recipe's sizes, whose Adam is {@linkcode ADAMW} and whose SGD is {@linkcode SGD}. */
export function timedJob(backend: Backend, vocabulary: number, optimizer: OptimizerName): TextJob {
  const { learningRate, beta1, beta2, decay, clip } = ADAMW;
  const adam = {
    ...{ learningRate, beta1, beta2, gradientNormClip: clip, annealing: 1 },
    weightDecay: { kind: "decoupled", value: decay },
  } as const;
  const sgd = {
    ...{ learningRate: SGD.learningRate, gradientNormClip: SGD.clip, annealing: 1 },
    momentum: { on: "update", value: SGD.momentum },
  } as const;
  const settings = { ...textRecipe.settings, adam, sgd };
  return createTextJob(backend, { vocabulary, optimizer, settings, steps: 1000, seed: 1 });
}
