/**
 * A model that predicts, in the units and names of the data it was trained with.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import type { PassOptions } from "../nn/batch.ts";
import { channelsOf, sizeOf } from "../nn/example_shape.ts";
import { squaredError } from "../nn/losses/squared_error.ts";
import { ModelObjective } from "../nn/model_objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import { checkDescription, type ModelDescription } from "./description.ts";
import { type Prediction, predictionsOf, preparedInputs } from "./predictions.ts";

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
    return this.#read(await this.#inference.predict(this.#prepared(inputs), options));
  }

  /**
   * {@linkcode KeptModel.predict} at once.
   *
   * @throws {StateError} On a backend that is not synchronous.
   */
  predictSync(inputs: ArrayLike<number>, options: PassOptions = {}): Prediction[] {
    return this.#read(this.#inference.predictSync(this.#prepared(inputs), options));
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

  #prepared(inputs: ArrayLike<number>): ArrayLike<number> {
    return preparedInputs(inputs, this.model.input, this.description);
  }

  #read(all: Float64Array): Prediction[] {
    return predictionsOf(all, this.model.output, this.description);
  }
}
