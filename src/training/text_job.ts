/**
 * A language model, its loss and an optimizer, set up by a recipe.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Group } from "../distributed/group.ts";
import type { BatchLike } from "../nn/batch.ts";
import { softmaxCrossEntropy } from "../nn/losses/softmax_cross_entropy.ts";
import { gpt } from "../nn/models/gpt.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import { objective } from "../nn/objective.ts";
import { type Sequential, sequential } from "../nn/sequential.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { OptimizerName, OptimizerSettings } from "../optim/optimizers.ts";
import { createOptimizer } from "./create_optimizer.ts";
import { textAnnealing, textRecipe } from "./text_recipe.ts";

/** What a language model is made from; what is left out is the recipe's. */
export interface TextJobOptions {
  /** Tokens that there are, >= 1. */
  readonly vocabulary: number;
  /** Steps of the whole training, over which the updates are annealed, >= 1. */
  readonly steps: number;
  /** Seed of the initial weights, and of sampled labels. */
  readonly seed: number;
  /** Blocks, >= 1. @default {4} */
  readonly layers?: number;
  /** Heads, >= 1; the width must be a multiple. @default {4} */
  readonly heads?: number;
  /** Channels of a position, >= 1. @default {128} */
  readonly width?: number;
  /** Tokens that the model looks at, >= 1. @default {64} */
  readonly context?: number;
  /** How it is trained. @default {the recipe's} */
  readonly optimizer?: OptimizerName;
  /** What the optimizers are set to. @default {the recipe} */
  readonly settings?: OptimizerSettings;
  /** With whom it is trained. @default {alone} */
  readonly group?: Group | undefined;
}

/** A language model that can be trained. The caller disposes it. */
export interface TextJob extends Disposable {
  /** From [context] tokens to the logits of their successors; for `generate`. */
  readonly model: Sequential;
  /** The model with its loss, nats per token. */
  readonly objective: ModelObjective;
  /** Takes the steps. */
  readonly optimizer: Optimizer<BatchLike>;
  /** Tokens that the model looks at. */
  readonly context: number;
}

/**
 * Builds a `gpt` and its optimizer on a backend. Equal options give equal jobs.
 *
 * @throws {OptionError | ShapeError} When a size is out of range, or the heads do not divide the width. Nothing stays
 * allocated.
 *
 * @example Three steps
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { grammarText, splitText } from "@tekfac/tekfac/data";
 * import { createTextJob, trainText } from "@tekfac/tekfac/training";
 *
 * const data = splitText(grammarText({ characters: 2000 }));
 * const vocabulary = data.vocabulary.characters.length;
 * using backend = await createBackend();
 * const sizes = { layers: 1, heads: 2, width: 16, context: 8 };
 * using job = createTextJob(backend, { vocabulary, steps: 3, seed: 1, ...sizes });
 * const { heldOutLoss } = await trainText({ ...job, data, steps: 3, batchSize: 4, seed: 1 });
 * assert(heldOutLoss > 0);
 * ```
 */
export function createTextJob(backend: Backend, options: TextJobOptions): TextJob {
  const { layers, heads, width, context } = { ...textRecipe, ...options };
  const { vocabulary, steps, seed, settings = textRecipe.settings, group } = options;
  const method = options.optimizer ?? textRecipe.optimizer;
  const model = sequential(backend, {
    input: [context],
    layers: gpt({ vocabulary, context, layers, heads, width }),
    seed,
  });
  try {
    const goal = objective(model, softmaxCrossEntropy());
    const shared = { annealing: textAnnealing(steps), seed, ...(group && { group }) };
    const optimizer = createOptimizer(goal, method, settings, shared);
    return {
      ...{ model, objective: goal, optimizer, context },
      [Symbol.dispose]: () => {
        optimizer[Symbol.dispose]();
        model[Symbol.dispose]();
      },
    };
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}
