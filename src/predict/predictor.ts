/**
 * A kept model that predicts without a backend.
 *
 * @module
 */

import { DataError, OptionError, ShapeError } from "../core/errors.ts";
import { denseMatrix } from "../linalg/dense_matrix.ts";
import { bytesOf, type ModelSource } from "../model/bytes.ts";
import { checkDescription, type ModelDescription } from "../model/description.ts";
import { type ModelFile, readModelFile } from "../model/model_file.ts";
import { type Prediction, predictionsOf, preparedInputs } from "../model/predictions.ts";
import { channelsOf, shapeRule, sizeOf } from "../nn/example_shape.ts";
import type { ExampleShape } from "../nn/module.ts";
import { runAll } from "./plain.ts";
import type { Stage } from "./stage.ts";
import { stagesOf } from "./stages.ts";

/**
 * Reads a model that `saveModel` (or `saveState`) has written, to predict with plain JavaScript in float64. There is
 * nothing to dispose.
 *
 * @param source Bytes, what gives them, or a URL, as for `loadModel`.
 * @throws {DataError} When the file cannot be read, is damaged, or is no model that this version knows.
 * @throws {StateError} When a number of it is not finite.
 *
 * @example A file with labels
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, head, sequential } from "@tekfac/tekfac";
 * import { saveModel } from "@tekfac/tekfac/model";
 * import { loadPredictor, type Predictor } from "@tekfac/tekfac/predict";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [3], layers: head({ classes: 2 }), seed: 1 });
 * const file = await saveModel(model, { labels: ["cat", "dog"] });
 *
 * const predictor: Predictor = await loadPredictor(file); // in the page: loadPredictor("https://.../head.safetensors")
 * const { label, probabilities } = predictor.predictOne([1, 2, 3]);
 * assert(["cat", "dog"].includes(label!));
 * assert.equal(predictor.predict([1, 2, 3, 4, 5, 6]).length, 2);
 * assert(Math.abs(probabilities![0] + probabilities![1] - 1) < 1e-12);
 * ```
 */
export async function loadPredictor(source: ModelSource): Promise<Predictor> {
  const file = readModelFile(await bytesOf(source));
  try {
    return new Predictor(file);
  } catch (error) {
    if (!(error instanceof OptionError || error instanceof ShapeError)) throw error;
    throw new DataError("model", error.message, { cause: error });
  }
}

/**
 * A model that predicts what `loadModel`'s does, to rounding. Made by {@linkcode loadPredictor}.
 *
 * Inputs are as they were before standardization. Bytes of images (`Uint8Array`, `Uint8ClampedArray`) are brightness
 * times 255.
 */
export class Predictor {
  /** Shape of one example. */
  readonly input: ExampleShape;
  /** Labels, standardization, and what outputs are. */
  readonly description: ModelDescription;
  /** The caller's notes. */
  readonly extra: Readonly<Record<string, string>>;
  readonly #stages: readonly Stage[];

  /**
   * Makes the layers of a file, which it keeps nothing of.
   *
   * @throws {DataError | OptionError | ShapeError} When they are damaged.
   */
  constructor({ architecture, arrays, description, notes }: ModelFile) {
    this.input = shapeRule.check("Cannot load a model", "input", architecture["input"]);
    this.#stages = stagesOf(architecture["layers"], this.input, arrays);
    checkDescription("Cannot load a model", description, {
      outputs: channelsOf(this.#output),
      channels: channelsOf(this.input),
    });
    this.description = description;
    this.extra = notes;
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
  predict(inputs: ArrayLike<number>): Prediction[] {
    const size = sizeOf(this.input);
    if (inputs.length % size !== 0) {
      throw new ShapeError("Cannot predict", `${size} numbers per example`, `${inputs.length}`);
    }
    const numbers = preparedInputs(inputs, this.input, this.description);
    const width = channelsOf(this.input);
    const x = denseMatrix(numbers.length / width, width, numbers);
    const wrong = x.data.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const place = `${wrong % size} of example ${Math.floor(wrong / size)}`;
      throw new DataError(
        "inputs",
        `expected finite numbers, received ${x.data[wrong]} at ${place}`,
      );
    }
    return predictionsOf(runAll(this.#stages, x).data, this.#output, this.description);
  }

  /**
   * The prediction for one example.
   *
   * @throws {ShapeError | DataError} When the input is none of one example.
   */
  predictOne(input: ArrayLike<number>): Prediction {
    const size = sizeOf(this.input);
    if (input.length !== size) {
      throw new ShapeError("Cannot predict", `${size} numbers of one example`, `${input.length}`);
    }
    return this.predict(input)[0];
  }

  get #output(): ExampleShape {
    return this.#stages[this.#stages.length - 1].output;
  }
}
