/**
 * Sequences that a model of tokens makes up.
 *
 * @module
 */

import { DataError, ShapeError } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { number, optional, resolve, type SchemaOf } from "../core/schema.ts";
import { softmaxCrossEntropy } from "./losses/softmax_cross_entropy.ts";
import { objective } from "./objective.ts";
import type { Sequential } from "./sequential.ts";

/** Options of {@linkcode generate}. */
export interface GenerateOptions {
  /** Tokens to be added, an integer >= 0. */
  readonly count: number;
  /** T, >= 0: probabilities are those of logits / T. Below 1 likely tokens become likelier; 0 takes the likeliest. @default {1} */
  readonly temperature?: number;
  /** Equal seeds give equal sequences. @default {0} */
  readonly seed?: number;
}

const generateSchema = {
  count: number({ min: 0, integer: true }),
  temperature: optional(number({ min: 0 }), 1),
  seed: optional(number({ integer: true }), 0),
} satisfies SchemaOf<GenerateOptions>;

/**
 * Goes on with a sequence: token for token, drawn from what the model predicts after those before,
 * `p(k) ~ exp(z_k / temperature)` with z the logits. Only as many tokens as the model takes are looked at, the last.
 * One forward pass per token.
 *
 * @param model Takes [positions] tokens and gives logits [positions, vocabulary], such as `gpt`. It has to be causal:
 * a position's logits must not depend on later ones, which are filled up where the sequence is still short.
 * @param prompt Tokens to begin with, at least one.
 * @returns The tokens that were added.
 * @throws {OptionError} When an option is unknown or out of range.
 * @throws {ShapeError} When the model gives no logits at every position.
 * @throws {DataError} When the prompt is empty or holds something that is no token of the model.
 *
 * @example What a model says that has learned to count
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { generate, gpt, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
 * import { muon } from "@tekfac/tekfac/optim";
 *
 * using backend = await createBackend();
 * const layers = gpt({ vocabulary: 4, context: 3, layers: 1, heads: 2, width: 8 });
 * using model = sequential(backend, { input: [3], layers, seed: 1 });
 * using optimizer = muon(objective(model, softmaxCrossEntropy()), { adam: { learningRate: 0.02 } });
 * const batch = { inputs: [0, 1, 2, 1, 2, 3, 2, 3, 0, 3, 0, 1], targets: [1, 2, 3, 2, 3, 0, 3, 0, 1, 0, 1, 2] };
 * for (let step = 0; step < 100; step++) await optimizer.step(batch).report();
 * const tokens = await generate(model, [1], { count: 5, temperature: 0 });
 * assert.deepEqual([...tokens], [2, 3, 0, 1, 2]);
 * ```
 */
export async function generate(
  model: Sequential,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): Promise<Uint32Array<ArrayBuffer>> {
  const subject = "Cannot generate";
  const { count, temperature, seed } = resolve(subject, options, generateSchema);
  const { input: [positions], output } = model;
  if (model.input.length !== 1 || output.length !== 2 || output[0] !== positions) {
    const shapes = `${model.input.join(" x ")} to ${output.join(" x ")}`;
    throw new ShapeError(subject, "a model from [positions] tokens to their logits", shapes);
  }
  if (prompt.length === 0) {
    throw new DataError("prompt", "expected at least one token, received none");
  }
  const random = new Random(seed);
  const goal = objective(model, softmaxCrossEntropy());
  const tokens = [...Array.from(prompt)];
  for (let i = 0; i < count; i++) {
    const seen = tokens.slice(-positions);
    const inputs = new Float32Array(positions);
    inputs.set(seen);
    const logits = await goal.predict(inputs);
    const [, vocabulary] = output;
    const from = (seen.length - 1) * vocabulary;
    tokens.push(drawn(logits.subarray(from, from + vocabulary), temperature, random));
  }
  return Uint32Array.from(tokens.slice(prompt.length));
}

/** A place, drawn with probability `~ exp(z / temperature)`. */
function drawn(logits: Float64Array, temperature: number, random: Random): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  if (temperature === 0) return logits.indexOf(largest);
  const weights = logits.map((z) => Math.exp((z - largest) / temperature));
  let rest = random.uniform() * weights.reduce((a, b) => a + b);
  for (let k = 0; k < weights.length; k++) {
    rest -= weights[k];
    if (rest < 0) return k;
  }
  // Rounding may leave a little: then it was the last that can come.
  return weights.findLastIndex((weight) => weight > 0);
}
