/**
 * A classifier for the features of another network.
 *
 * @module
 */

import { maybe, resolve } from "../../core/schema.ts";
import { activation } from "../activations.ts";
import { dense } from "../dense.ts";
import { heNormal, lecunNormal } from "../init.ts";
import type { LayerSpec } from "../module.ts";
import { size } from "./rules.ts";

/** Options of {@linkcode head}. */
export interface HeadOptions {
  /** Number of outputs, >= 1. */
  readonly classes: number;
  /**
   * Units of a layer between features and outputs, with ReLU, >= 1. Without it classes are told apart by planes, which
   * is enough for the features of most pretrained networks. @default {no such layer}
   */
  readonly hidden?: number;
}

/**
 * The layers of a head on a frozen network: rows of features (embeddings) in, logits out. With 1,280 features and 4
 * classes 5,124 parameters, with 64 hidden units 82,244.
 *
 * @throws {OptionError} When an option is unknown, missing or no integer >= 1.
 *
 * @example Two classes of embeddings
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, head, objective, sequential, softmaxCrossEntropy, tekfac } from "@tekfac/tekfac";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [3], layers: head({ classes: 2 }), seed: 1 });
 * const goal = objective(model, softmaxCrossEntropy());
 * using optimizer = tekfac(goal);
 * const batch = { inputs: [1, 0, 2, 0, 1, 2], targets: [0, 1] };
 * for (let i = 0; i < 10; i++) optimizer.stepSync(batch);
 * assert.equal(goal.evaluateSync(batch).accuracy, 1);
 * ```
 */
export function head(options: HeadOptions): LayerSpec[] {
  const { classes, hidden } = resolve("Cannot create head", options, {
    classes: size,
    hidden: maybe(size),
  });
  const last = dense(classes, { init: lecunNormal });
  return hidden === undefined
    ? [last]
    : [dense(hidden, { init: heNormal }), activation("relu"), last];
}
