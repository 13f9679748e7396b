/**
 * The options that the commands share.
 *
 * @module
 */

import { augmentations } from "./load_data.ts";
import { backendChoices } from "./open_backend.ts";
import { defaultModel, modelNames } from "../training/recipes.ts";

/** Options of every command that trains. */
export const sharedOptions = {
  model: {
    kind: "choice",
    choices: modelNames,
    help: `what is trained (default: ${defaultModel})`,
  },
  width: {
    kind: "integer",
    range: { min: 1, max: 10_000 },
    help: "channels of the first stage of resnet20 and vgg16 (default: 16 and 64)",
  },
  data: {
    kind: "text",
    placeholder: "DIR",
    help:
      "files of MNIST and its relatives, CIFAR or SVHN, or folders of pictures (default: drawn digits)",
  },
  labels: {
    kind: "choice",
    choices: ["fine", "coarse"],
    help: "which of CIFAR-100's labels, 100 classes or 20 (default: fine)",
  },
  limit: {
    kind: "integer",
    range: { min: 1, max: 1_000_000_000 },
    help: "most images that are learned from (default: all)",
  },
  augment: {
    kind: "choice",
    choices: augmentations,
    help: "how the images to learn from are varied (default: crop-flip for CIFAR, else none)",
  },
  epochs: {
    kind: "integer",
    range: { min: 0, max: 100_000 },
    help: "passes over the training images (default: by model)",
  },
  batch: {
    kind: "integer",
    range: { min: 1, max: 1_000_000 },
    help: "images per step (default: by model)",
  },
  seed: {
    kind: "integer",
    range: { min: 0, max: 2 ** 32 - 1 },
    help: "decides initial weights and order of the images (default: 0)",
  },
  backend: {
    kind: "choice",
    choices: backendChoices,
    help: "where it is computed; webgpu takes a GPU in software too (default: auto)",
  },
  report: { kind: "text", placeholder: "FILE", help: "where the page is written" },
  json: { kind: "flag", help: "no progress; the last line is one JSON object" },
  help: { kind: "flag", help: "this text" },
} as const;
