/**
 * A model that predicts, in the units and names of the data it was trained with.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import { denormalizeNumbers, normalizeNumbers } from "../data/normalization.ts";
import type { PassOptions } from "../nn/batch.ts";
import { channelsOf, sizeOf } from "../nn/example_shape.ts";
import { squaredError } from "../nn/losses/squared_error.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import { checkDescription, type ModelDescription } from "./description.ts";

/** What a model says of one example. */
export interface Prediction {
  /** The model's K outputs: logits of classes, or numbers in the units of the targets. */
  readonly outputs: Float64Array;
  /** Probability of each output's class or question; `undefined` where outputs are numbers. */
  readonly probabilities?: Float64Array | undefined;
  /** The most probable class, or 1 for a single sigmoid output above 1/2; `undefined` where there is none. */
  readonly index?: number | undefined;
  /** Its name, where classes have names. */
  readonly label?: string | undefined;
}

/**
 * A model and what is known of its inputs and outputs. Owns the model. Made by `loadModel`.
 *
 * Inputs are as they were before standardization, which is done here. Bytes of images (`Uint8Array`,
 * `Uint8ClampedArray`) are brightness times 255, as in data sets.
 *
 * @example A model that was never a file
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
 * using kept = new KeptModel(model, { outputs: "softmax", labels: ["cat", "dog"] });
 * const [first, second] = kept.predictSync([0, 1, 1, 0]);
 * assert.equal(first.label, kept.labels![first.index!]);
 * assert(second.probabilities!.every((p) => p > 0 && p < 1));
 * ```
 */
export class KeptModel implements Disposable {
  /** The layers; may be trained further. */
  readonly model: Sequential;
  /** Labels, standardization, and what outputs are. */
  readonly description: ModelDescription;
  /** The caller's notes. */
  readonly extra: Readonly<Record<string, string>>;
  readonly #inference: ModelObjective;

  /**
   * Takes the model over.
   *
   * @throws {OptionError} When the description does not fit it.
   */
  constructor(
    model: Sequential,
    description: ModelDescription,
    extra: Readonly<Record<string, string>> = {},
  ) {
    checkDescription("Cannot describe a model", description, {
      outputs: channelsOf(model.output),
      channels: channelsOf(model.input),
    });
    this.model = model;
    this.description = description;
    this.extra = extra;
    // Predictions do not depend on the loss.
    this.#inference = new ModelObjective(model, squaredError());
  }

  /** Names of the classes, where they have names. */
  get labels(): readonly string[] | undefined {
    return this.description.labels;
  }

  /**
   * Predictions for N examples, one after the other.
   *
   * @param inputs Numbers of all examples, row by row.
   * @throws {ShapeError | DataError} When they do not fit the model.
   */
  async predict(inputs: ArrayLike<number>, options: PassOptions = {}): Promise<Prediction[]> {
    return this.#read(await this.#inference.predict(this.#standardized(inputs), options));
  }

  /**
   * {@linkcode KeptModel.predict} at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  predictSync(inputs: ArrayLike<number>, options: PassOptions = {}): Prediction[] {
    return this.#read(this.#inference.predictSync(this.#standardized(inputs), options));
  }

  /**
   * The prediction for one example.
   *
   * @param input Its numbers.
   * @throws {ShapeError | DataError} When they are not those of one example.
   */
  async predictOne(input: ArrayLike<number>): Promise<Prediction> {
    const size = sizeOf(this.model.input);
    if (input.length !== size) {
      throw new ShapeError("Cannot predict", `${size} numbers of one example`, `${input.length}`);
    }
    const [prediction] = await this.predict(input);
    return prediction;
  }

  /** Disposes the model. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  #standardized(inputs: ArrayLike<number>): ArrayLike<number> {
    const bytes = inputs instanceof Uint8Array || inputs instanceof Uint8ClampedArray;
    const scaled = bytes && this.model.input.length === 3
      ? Float32Array.from(inputs, (value) => value / 255)
      : inputs;
    const { standardization } = this.description;
    const size = sizeOf(this.model.input);
    // What is no whole number of examples is told by the model.
    if (standardization === undefined || inputs.length % size !== 0) return scaled;
    return normalizeNumbers(scaled, standardization.inputs);
  }

  #read(all: Float64Array): Prediction[] {
    const size = sizeOf(this.model.output);
    const count = all.length / size;
    return Array.from({ length: count }, (_, n) => this.#one(all.slice(n * size, (n + 1) * size)));
  }

  #one(outputs: Float64Array): Prediction {
    const { outputs: kind, labels, standardization } = this.description;
    if (kind === "numbers") {
      const by = standardization?.targets;
      return { outputs: by === undefined ? outputs : denormalizeNumbers(outputs, by) };
    }
    const width = channelsOf(this.model.output);
    const probabilities = kind === "softmax" ? softmax(outputs, width) : outputs.map(logistic);
    if (outputs.length > width) return { outputs, probabilities };
    const index = kind === "softmax"
      ? probabilities.indexOf(Math.max(...probabilities))
      : width === 1
      ? +(probabilities[0] > 0.5)
      : undefined;
    return { outputs, probabilities, index, label: index === undefined ? index : labels?.[index] };
  }
}

/** `exp(x_i) / sum exp(x_j)` of each row, shifted by the largest so that nothing overflows. */
function softmax(logits: Float64Array, width: number): Float64Array {
  const out = new Float64Array(logits.length);
  for (let row = 0; row < out.length; row += width) {
    const largest = logits.subarray(row, row + width).reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let i = row; i < row + width; i++) sum += out[i] = Math.exp(logits[i] - largest);
    for (let i = row; i < row + width; i++) out[i] /= sum;
  }
  return out;
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
