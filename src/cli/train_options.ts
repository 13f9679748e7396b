/**
 * The options of `deno task train`.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { modelNames, optimizerNames } from "../training/recipes.ts";
import { textRecipe } from "../training/text_recipe.ts";
import type { ArgumentValues } from "./arguments.ts";
import { sharedOptions } from "./options.ts";

/** Name of the language model. */
export const textModel = "gpt";

const size = { kind: "integer", range: { min: 1, max: 10_000 } } as const;

/** All of them. */
export const trainOptions = {
  optimizer: {
    kind: "choice",
    choices: optimizerNames,
    help: `how it is trained (default: tekfac; of gpt: ${textRecipe.optimizer})`,
  },
  ...sharedOptions,
  model: {
    ...sharedOptions.model,
    choices: [...modelNames, textModel] as const,
    help: `${sharedOptions.model.help}; gpt learns a text`,
  },
  width: {
    ...sharedOptions.width,
    help:
      "channels of the first stage of resnet20 and vgg16 (default: 16 and 64), of a position of gpt " +
      `(default: ${textRecipe.width})`,
  },
  text: {
    kind: "text",
    placeholder: "FILE",
    help: "of gpt: what is learned, nine tenths of it (default: sentences of a small grammar)",
  },
  layers: { ...size, help: `of gpt: blocks (default: ${textRecipe.layers})` },
  heads: { ...size, help: `of gpt: heads of each attention (default: ${textRecipe.heads})` },
  context: {
    ...size,
    help: `of gpt: characters that it looks at (default: ${textRecipe.context})`,
  },
  steps: {
    kind: "integer",
    range: { min: 0, max: 100_000_000 },
    help: `of gpt: steps, in the place of epochs (default: ${textRecipe.steps})`,
  },
  group: {
    kind: "choice",
    choices: ["mpi"],
    help: "with the other ranks that mpirun has started; --batch is that of all together",
  },
  save: {
    kind: "text",
    placeholder: "FILE",
    help: "writes weights and optimizer to a safetensors file after each epoch or evaluation",
  },
  load: {
    kind: "text",
    placeholder: "FILE",
    help: "goes on from such a file, with its settings where none are given",
  },
} as const;

/** What was given of them. */
export type TrainArguments = ArgumentValues<typeof trainOptions>;

/** Options that only models of images have. */
const OF_IMAGES = ["data", "labels", "limit", "augment", "epochs"] as const;

/** Options that only the language model has. */
const OF_TEXT = ["text", "layers", "heads", "context", "steps"] as const;

/**
 * Refuses options that the model does not have.
 *
 * @throws {OptionError} Names the first one.
 */
export function checkBelong(subject: string, given: TrainArguments, model: string): void {
  const isText = model === textModel;
  for (const name of isText ? OF_IMAGES : OF_TEXT) {
    if (given[name] === undefined) continue;
    const expectation = isText ? "is no option of gpt" : "is an option of gpt only (--model gpt)";
    throw new OptionError(subject, `--${name}`, expectation, given[name]);
  }
}
