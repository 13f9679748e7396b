/**
 * What each optimizer is set to on each model unless the user says otherwise: one table.
 *
 * Every run anneals with half a cosine over its whole length, whatever the optimizer.
 *
 * @module
 */

import type { OptimizerName, OptimizerSettings } from "../optim/optimizers.ts";

/** The optimizers, in the order in which they are offered and compared. */
export const optimizerNames: readonly OptimizerName[] = [
  "tekfac",
  "ekfac",
  "tkfac",
  "kfac",
  "soap",
  "muon",
  "adam",
  "sgd",
];

/** The models that can be trained by name. */
export const modelNames = ["cnn", "mlp", "autoencoder", "resnet20", "vgg16"] as const;

/** One of {@linkcode modelNames}. */
export type ModelName = typeof modelNames[number];

/** How a model is trained. */
export interface Recipe {
  /** Passes over the training set. */
  readonly epochs: number;
  /** Examples per step. */
  readonly batchSize: number;
  /** Channels of the first stage, of models that can be made at several widths. */
  readonly width?: number;
  /** What each optimizer is set to; what is not named stays at the optimizer's default. */
  readonly settings: OptimizerSettings;
}

/** The Kronecker-factored optimizers train with their defaults everywhere. */
const untuned = { tekfac: {}, ekfac: {}, tkfac: {}, kfac: {} } as const;

/** The recipe of every model. */
export const recipes: Readonly<Record<ModelName, Recipe>> = {
  cnn: {
    epochs: 5,
    batchSize: 128,
    settings: {
      ...untuned,
      soap: { learningRate: 2e-2 },
      muon: { learningRate: 0.1, adam: { learningRate: 1e-2 } },
      adam: { learningRate: 1e-2 },
      sgd: { learningRate: 0.1 },
    },
  },
  mlp: {
    epochs: 8,
    batchSize: 128,
    settings: {
      ...untuned,
      soap: { learningRate: 2e-2 },
      muon: { learningRate: 0.1, adam: { learningRate: 4e-3 } },
      adam: { learningRate: 4e-3 },
      sgd: { learningRate: 0.2 },
    },
  },
  autoencoder: {
    epochs: 10,
    batchSize: 250,
    settings: {
      ...untuned,
      soap: { learningRate: 3e-2 },
      muon: { adam: { learningRate: 3e-3 } },
      adam: { learningRate: 3e-3 },
      sgd: { learningRate: 1e-2 },
    },
  },
  resnet20: {
    epochs: 10,
    batchSize: 128,
    width: 16,
    settings: {
      ...untuned,
      soap: {},
      muon: { adam: { learningRate: 3e-3 } },
      adam: { learningRate: 3e-3 },
      sgd: { learningRate: 0.1 },
    },
  },
  vgg16: {
    epochs: 10,
    batchSize: 128,
    width: 64,
    settings: {
      ...untuned,
      soap: {},
      muon: { adam: { learningRate: 1e-3 } },
      adam: { learningRate: 1e-3 },
      sgd: { learningRate: 0.05 },
    },
  },
};

/**
 * A model with its width, where that is not the recipe's: `"resnet20 of width 8"`.
 *
 * @example The width is told where it is not the usual one
 * ```ts
 * import assert from "node:assert/strict";
 * import { describeModel, recipes } from "@tekfac/tekfac/training";
 *
 * assert.equal(describeModel("resnet20", 8), "resnet20 of width 8");
 * assert.equal(describeModel("resnet20", recipes.resnet20.width), "resnet20");
 * ```
 */
export function describeModel(model: ModelName, width: number | undefined): string {
  return width === undefined || width === recipes[model].width
    ? model
    : `${model} of width ${width}`;
}

/** What is trained unless the user says otherwise. */
export const defaultModel: ModelName = "cnn";
