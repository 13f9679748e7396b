/**
 * What a saved run remembers besides weights and optimizer, so that it can go on by itself.
 *
 * @module
 */

import { checkChoice, checkNumber } from "../core/options.ts";
import type { OptimizerName } from "../optim/optimizers.ts";
import { decodeSafetensors } from "../optim/safetensors.ts";
import { type ModelName, modelNames, optimizerNames } from "../training/recipes.ts";
import { type AugmentationName, augmentations } from "./load_data.ts";
import { textModel } from "./train_options.ts";

/** The settings that decide how a run goes on. */
export interface RunNotes {
  /** What is trained. */
  readonly model: ModelName;
  /** Its width, where that is not the recipe's. */
  readonly width: number | undefined;
  /** How it is trained. */
  readonly optimizer: OptimizerName;
  /** Epochs that the whole run shall have. */
  readonly epochs: number;
  /** Epochs that are done. */
  readonly epochsDone: number;
  /** Images per step. */
  readonly batch: number;
  /** Decides initial weights and order of the images. */
  readonly seed: number;
  /** Directory of the data; `undefined` for drawn digits. */
  readonly data: string | undefined;
  /** Which of CIFAR-100's labels count; `undefined` where they were not chosen. */
  readonly labels: "fine" | "coarse" | undefined;
  /** How many images are learned from; `undefined` for all. */
  readonly limit: number | undefined;
  /** How the images are varied; `undefined` where that was not chosen. */
  readonly augment: AugmentationName | undefined;
}

/** The notes as text, for `saveState`. */
export function writeNotes(notes: RunNotes): Record<string, string> {
  const { model, width, optimizer, epochs, epochsDone, batch, seed, data, labels, limit, augment } =
    notes;
  return {
    ...{ model, optimizer, epochs: `${epochs}`, epochsDone: `${epochsDone}` },
    ...{ batch: `${batch}`, seed: `${seed}` },
    ...(width === undefined ? {} : { width: `${width}` }),
    ...(data === undefined ? {} : { data }),
    ...(labels === undefined ? {} : { labels }),
    ...(limit === undefined ? {} : { limit: `${limit}` }),
    ...(augment === undefined ? {} : { augment }),
  };
}

/**
 * The model that a saved run is of; only names that a run may have.
 *
 * @param bytes The file.
 * @param source Its name.
 * @throws {DataError} When the bytes are not a safetensors file.
 * @throws {OptionError} When it does not say.
 */
export function modelIn(bytes: Uint8Array, source: string): ModelName | typeof textModel {
  const { metadata } = decodeSafetensors(bytes, source);
  const subject = `Cannot go on from '${source}'`;
  return checkChoice(subject, "model", metadata["model"], [...modelNames, textModel]);
}

/**
 * The notes in a saved run.
 *
 * @param bytes The file.
 * @param source Its name.
 * @throws {DataError} When the bytes are not a safetensors file.
 * @throws {OptionError} When the notes are missing or damaged.
 */
export function readNotes(bytes: Uint8Array, source: string): RunNotes {
  const { metadata } = decodeSafetensors(bytes, source);
  const subject = `Cannot go on from '${source}'`;
  const integer = (name: string, min: number) => {
    const text = metadata[name] ?? "";
    return checkNumber(subject, name, text === "" ? text : Number(text), { min, integer: true });
  };
  const optional = (name: string, min: number) =>
    metadata[name] === undefined ? undefined : integer(name, min);
  const choice = <const C extends string>(name: string, choices: readonly C[]) =>
    metadata[name] === undefined ? undefined : checkChoice(subject, name, metadata[name], choices);
  return {
    model: checkChoice(subject, "model", metadata["model"], modelNames),
    width: optional("width", 1),
    optimizer: checkChoice(subject, "optimizer", metadata["optimizer"], optimizerNames),
    epochs: integer("epochs", 0),
    epochsDone: integer("epochsDone", 0),
    batch: integer("batch", 1),
    seed: integer("seed", 0),
    data: metadata["data"],
    labels: choice("labels", ["fine", "coarse"]),
    limit: optional("limit", 1),
    augment: choice("augment", augmentations),
  };
}
