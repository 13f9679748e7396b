/**
 * A training as files: one safetensors file for each contender, with the settings among its notes.
 *
 * @module
 */

import { decodeSafetensors } from "@tekfac/tekfac/optim";
import type { SavedFacts } from "./protocol.ts";
import type { Settings } from "./settings.ts";
import { keep, kept } from "./storage.ts";
import { Training } from "./training.ts";

const nameOf = (contender: number) => `contender${contender + 1}.safetensors`;

/** Keeps a training, in the place of the one kept before. */
export async function saveTraining({ settings, contenders, step }: Training): Promise<SavedFacts> {
  const facts: SavedFacts = { step, time: Date.now() };
  const notes = { settings: JSON.stringify(settings), facts: JSON.stringify(facts) };
  const files: Record<string, Uint8Array> = {};
  for (const [i, contender] of contenders.entries()) files[nameOf(i)] = await contender.save(notes);
  await keep(files);
  return facts;
}

/** What is kept, or `undefined` when nothing is. */
export async function savedFacts(): Promise<SavedFacts | undefined> {
  const file = (await kept())?.get(nameOf(0));
  return file && JSON.parse((await notesOf(file)).facts);
}

/** The training that is kept, ready to go on where it stood. The caller disposes it. */
export async function restoreTraining(): Promise<Training> {
  const files = await kept();
  if (files === undefined) throw new Error("Nothing has been saved");
  const notes = await notesOf(files.get(nameOf(0))!);
  const training = await Training.create(JSON.parse(notes.settings) as Settings);
  try {
    for (const [i, contender] of training.contenders.entries()) {
      contender.load(new Uint8Array(await files.get(nameOf(i))!.arrayBuffer()));
    }
    return training;
  } catch (error) {
    training[Symbol.dispose]();
    throw error;
  }
}

async function notesOf(file: File): Promise<Readonly<Record<string, string>>> {
  return decodeSafetensors(new Uint8Array(await file.arrayBuffer()), file.name).metadata;
}
