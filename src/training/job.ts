/**
 * From names to things: a model, its loss and an optimizer, set up by a recipe.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { cosine } from "../core/schedule.ts";
import { type ImageDataset, inputSize } from "../data/dataset.ts";
import { OptionError, ShapeError } from "../core/errors.ts";
import type { Group } from "../distributed/group.ts";
import type { BatchLike } from "../nn/batch.ts";
import { sigmoidCrossEntropy } from "../nn/losses/sigmoid_cross_entropy.ts";
import { softmaxCrossEntropy } from "../nn/losses/softmax_cross_entropy.ts";
import { autoencoder } from "../nn/models/autoencoder.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import { resnet20 } from "../nn/models/resnet.ts";
import { vgg16 } from "../nn/models/vgg.ts";
import type { LayerSpec } from "../nn/module.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import { objective } from "../nn/objective.ts";
import { sequential } from "../nn/sequential.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { OptimizerName, OptimizerSettings } from "../optim/optimizers.ts";
import { createOptimizer } from "./create_optimizer.ts";
import { type ModelName, modelNames, recipes } from "./recipes.ts";

/** What a job is made from. */
export interface JobOptions {
  /** Name of the model. */
  readonly model: ModelName;
  /** Name of the optimizer, set up by the model's recipe. */
  readonly optimizer: OptimizerName;
  /** The examples it will learn from; decides the sizes of the first and the last layer. */
  readonly dataset: ImageDataset;
  /** Steps of the whole training, over which the updates are annealed, >= 1. */
  readonly steps: number;
  /** Seed of the initial weights, and of sampled labels. */
  readonly seed: number;
  /** Channels of the first stage, of `resnet20` and `vgg16` alone, >= 1. @default {the model's recipe} */
  readonly width?: number | undefined;
  /** What the optimizers are set to. @default {the model's recipe} */
  readonly settings?: OptimizerSettings;
  /** With whom it is trained. @default {alone} */
  readonly group?: Group | undefined;
}

/** A model that can be trained. The caller disposes it. */
export interface Job extends Disposable {
  /** The model with its loss. */
  readonly objective: ModelObjective;
  /** Takes the steps. */
  readonly optimizer: Optimizer<BatchLike>;
  /** What the model predicts. */
  readonly targets: "labels" | "inputs";
}

/**
 * Builds a model and its optimizer on a backend. Equal options give equal jobs.
 *
 * @throws {OptionError} When the model has no width to be set.
 * @throws {ShapeError} When the model cannot take such images. Nothing stays allocated.
 */
export function createJob(backend: Backend, options: JobOptions): Job {
  const { model: name, optimizer: method, dataset, steps, seed, group } = options;
  const settings = options.settings ?? recipes[name].settings;
  const reproduces = name === "autoencoder";
  const model = sequential(backend, {
    input: dataset.shape,
    layers: layersOf(options),
    seed,
  });
  try {
    const goal = objective(model, reproduces ? sigmoidCrossEntropy() : softmaxCrossEntropy());
    const optimizer = createOptimizer(goal, method, settings, {
      annealing: cosine(steps),
      seed,
      ...(group === undefined ? {} : { group }),
    });
    return {
      objective: goal,
      optimizer,
      targets: reproduces ? "inputs" : "labels",
      [Symbol.dispose]: () => {
        optimizer[Symbol.dispose]();
        model[Symbol.dispose]();
      },
    };
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

function layersOf({ model, dataset, width: wanted }: JobOptions): LayerSpec[] {
  const { classes, shape: [height, columns] } = dataset;
  const { width } = recipes[model];
  if (wanted !== undefined && width === undefined) {
    const models = modelNames.filter((name) => recipes[name].width !== undefined);
    const expectation = `can only be set for ${models.join(" and ")}`;
    throw new OptionError(`Cannot train ${model}`, "width", expectation, wanted);
  }
  const scaled = { classes, width: wanted ?? width! };
  switch (model) {
    case "mlp":
      return mlp({ classes });
    case "cnn":
      return cnn({ classes });
    case "autoencoder":
      return autoencoder({ features: inputSize(dataset) });
    case "resnet20":
      return resnet20(scaled);
    case "vgg16":
      if (height >= 32 && columns >= 32) return vgg16(scaled);
      throw new ShapeError(
        "Cannot train vgg16",
        "images of at least 32 x 32 pixels (resnet20 takes any)",
        `${height} x ${columns}`,
      );
  }
}
