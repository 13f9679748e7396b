/**
 * What a saved run of a language model remembers, so that it can go on by itself.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { checkChoice, checkNumber } from "../core/options.ts";
import type { OptimizerName } from "../optim/optimizers.ts";
import { decodeSafetensors } from "../optim/safetensors.ts";
import { optimizerNames } from "../training/recipes.ts";
import { textModel } from "./train_options.ts";

/** Numbers of a run. */
const NUMBERS = ["layers", "heads", "width", "context", "batch", "steps", "seed"] as const;

/** The settings that decide how a run goes on. */
export type TextNotes = Readonly<Record<typeof NUMBERS[number], number>> & {
  /** How it is trained. */
  readonly optimizer: OptimizerName;
  /** File of the text; `undefined` for the grammar's. */
  readonly text: string | undefined;
  /** Characters of the vocabulary, in their order. */
  readonly characters: readonly string[];
};

/** The notes as text, for `saveState`. */
export function writeTextNotes(notes: TextNotes): Record<string, string> {
  const { optimizer, text, characters } = notes;
  return {
    ...{ model: textModel, optimizer, characters: JSON.stringify(characters) },
    ...Object.fromEntries(NUMBERS.map((name) => [name, `${notes[name]}`])),
    ...(text === undefined ? {} : { text }),
  };
}

/**
 * The notes in a saved run.
 *
 * @param bytes The file.
 * @param source Its name.
 * @throws {DataError} When the bytes are not a safetensors file, or its characters are damaged.
 * @throws {OptionError} When other notes are missing or damaged.
 */
export function readTextNotes(bytes: Uint8Array, source: string): TextNotes {
  const { metadata } = decodeSafetensors(bytes, source);
  const subject = `Cannot go on from '${source}'`;
  checkChoice(subject, "model", metadata["model"], [textModel]);
  const numbers = NUMBERS.map((name) => {
    const text = metadata[name] ?? "";
    const value = text === "" ? text : Number(text);
    return [name, checkNumber(subject, name, value, { min: 0, integer: true })];
  });
  return {
    ...Object.fromEntries(numbers) as Record<typeof NUMBERS[number], number>,
    optimizer: checkChoice(subject, "optimizer", metadata["optimizer"], optimizerNames),
    text: metadata["text"],
    characters: charactersIn(metadata["characters"], source),
  };
}

function charactersIn(text: string | undefined, source: string): readonly string[] {
  try {
    const characters = JSON.parse(text ?? "");
    if (Array.isArray(characters) && characters.every((c) => typeof c === "string")) {
      return characters;
    }
  } catch {
    // Said below.
  }
  throw new DataError(source, `expected the characters of a vocabulary, received ${text}`);
}
