/**
 * A model from one file.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { checkArrays } from "../core/array_checks.ts";
import { DataError, OptionError, ShapeError } from "../core/errors.ts";
import type { Matrix } from "../core/matrix.ts";
import type { ExampleShape } from "../nn/module.ts";
import { layersFrom } from "../nn/layers_from.ts";
import { type Sequential, sequential } from "../nn/sequential.ts";
import { bytesOf, type ModelSource } from "./bytes.ts";
import { KeptModel } from "./kept_model.ts";
import { type ModelFile, readModelFile } from "./model_file.ts";

/**
 * A model that was kept by `saveModel`, ready to predict; no optimizer and no code of its layers is needed. Takes the
 * model of a checkpoint of `saveState`, too, without labels and standardization.
 *
 * @param backend Where it is to live; must outlive it.
 * @param source Bytes, what gives them, or a URL; a Node `Buffer` that is a view into a larger one will do.
 * @returns The model; the caller disposes it.
 * @throws {DataError} When the file cannot be read, is damaged, or is no model that this version knows.
 * @throws {StateError} When its weights do not fit its layers, or are not finite. Nothing stays allocated then.
 * @throws {BackendError} When the backend cannot hold it.
 *
 * @example Kept with labels, used without the code that made it
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac";
 * import { loadModel, saveModel } from "@tekfac/tekfac/model";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(3)], seed: 1 });
 * const goal = objective(model, softmaxCrossEntropy());
 * const bytes = await saveModel(goal, { labels: ["red", "green", "blue"] });
 *
 * using kept = await loadModel(backend, bytes);
 * const { label, probabilities } = await kept.predictOne([0.5, 2]);
 * assert(["red", "green", "blue"].includes(label!));
 * assert(Math.abs(probabilities!.reduce((sum, p) => sum + p) - 1) < 1e-12);
 * assert.equal((await kept.predict([0.5, 2, 1, 1])).length, 2);
 * ```
 */
export async function loadModel(backend: Backend, source: ModelSource): Promise<KeptModel> {
  const file = readModelFile(await bytesOf(source));
  const model = build(backend, file);
  try {
    write(model, file);
    return new KeptModel(model, file.description, file.notes);
  } catch (error) {
    model[Symbol.dispose]();
    if (error instanceof OptionError) throw new DataError("model", error.message, { cause: error });
    throw error;
  }
}

function build(backend: Backend, { architecture, arrays }: ModelFile): Sequential {
  checkSizes(architecture, Object.values(arrays).reduce((sum, { data }) => sum + data.length, 0));
  const layers = layersFrom(architecture["layers"], "model");
  try {
    return sequential(backend, { input: architecture["input"] as ExampleShape, layers });
  } catch (cause) {
    if (!(cause instanceof OptionError || cause instanceof ShapeError)) throw cause;
    throw new DataError("model", `its layers are damaged: ${cause.message}`, { cause });
  }
}

/** Weights are allocated before they can be compared with the file: none may be larger than all of it. */
function checkSizes(architecture: unknown, numbers: number): void {
  if (typeof architecture === "number" && architecture > Math.max(numbers, LARGEST_PLAIN)) {
    throw new DataError("model", `its layers need ${architecture} numbers, and it has ${numbers}`);
  }
  if (typeof architecture !== "object" || architecture === null) return;
  for (const part of Object.values(architecture)) checkSizes(part, numbers);
}

/** Sizes up to this need no weights to be plausible: of images, windows and sequences. */
const LARGEST_PLAIN = 4096;

function write(model: Sequential, { arrays, isCheckpoint }: ModelFile): void {
  const weights = model.parameters.map(({ name, value }) => [`${name}.weights`, value] as const);
  const matrices: Record<string, Matrix> = { ...Object.fromEntries(weights), ...model.state };
  checkArrays("Cannot load a model", model.backend, matrices, arrays);
  const unknown = Object.keys(arrays).find((name) => !Object.hasOwn(matrices, name));
  if (unknown !== undefined && !isCheckpoint) {
    throw new DataError("model", `its array '${unknown}' belongs to none of its layers`);
  }
  for (const [name, matrix] of Object.entries(matrices)) {
    model.backend.write(matrix, arrays[name].data);
  }
}
