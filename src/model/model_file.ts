/**
 * What is in the file of a model.
 *
 * @module
 */

import { checkFinite } from "../core/array_checks.ts";
import { DataError } from "../core/errors.ts";
import { decodeSafetensors, hasDigest, type SafetensorsFile } from "../core/safetensors.ts";
import { isRecord } from "../core/schema.ts";
import { type ModelDescription, outputsOf } from "./description.ts";

/** The format that is written. */
export const MODEL_FORMAT = "tekfac model v1";

/** A training that was saved holds a model, too. */
const CHECKPOINT_FORMAT = "tekfac checkpoint v2";

/** A file whose bytes are in order. */
export interface ModelFile extends Pick<SafetensorsFile, "arrays"> {
  /** Shape of an example and descriptions of the layers, unchecked. */
  readonly architecture: Readonly<Record<string, unknown>>;
  /** Labels, standardization, and what outputs are; unchecked. */
  readonly description: ModelDescription;
  /** The caller's notes. */
  readonly notes: Readonly<Record<string, string>>;
  /** Whether it is a training that was saved, which holds more arrays than the model's. */
  readonly isCheckpoint: boolean;
}

/**
 * Reads a file of `saveModel`, or of `saveState`.
 *
 * @throws {DataError} When it is damaged, or no file that this version knows.
 * @throws {StateError} When a number of it is not finite.
 */
export function readModelFile(bytes: Uint8Array): ModelFile {
  const file = decodeSafetensors(bytes, "model");
  const { metadata, arrays } = file;
  const format = metadata["tekfac.format"];
  if (format !== MODEL_FORMAT && format !== CHECKPOINT_FORMAT) {
    const what = format?.startsWith("tekfac model ")
      ? "; it was written by another version of this library"
      : "; it is no model that saveModel() has written";
    throw new DataError("model", `expected format '${MODEL_FORMAT}', received '${format}'${what}`);
  }
  if (!hasDigest(bytes)) throw new DataError("model", "its digest is missing; the file is damaged");
  checkFinite("Cannot load a model", arrays);
  return {
    arrays,
    architecture: parsed(metadata["tekfac.architecture"], "architecture"),
    description: descriptionOf(file),
    notes: notesOf(file),
    isCheckpoint: format === CHECKPOINT_FORMAT,
  };
}

function descriptionOf({ metadata }: SafetensorsFile): ModelDescription {
  if (metadata["tekfac.format"] !== MODEL_FORMAT) {
    return { outputs: outputsOf(metadata["tekfac.loss"], undefined) };
  }
  return parsed(metadata["tekfac.description"], "description") as unknown as ModelDescription;
}

function notesOf({ metadata }: SafetensorsFile): Record<string, string> {
  const entries = Object.entries(metadata).filter(([name]) => !name.startsWith("tekfac."));
  return Object.fromEntries(entries);
}

function parsed(text: string | undefined, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (isRecord(value)) return value;
  } catch {
    // Told below.
  }
  throw new DataError("model", `its ${what} is missing or damaged`);
}
