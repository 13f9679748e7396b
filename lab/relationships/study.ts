/**
 * A network that is small enough for its exact Fisher blocks, trained for a while.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import {
  batches,
  createDataset,
  glyphs,
  type ImageDataset,
  inputSize,
  subset,
} from "@tekfac/tekfac/data";
import {
  conv2d,
  dense,
  flatten,
  type LayerSpec,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { type RunSummary, train } from "@tekfac/tekfac/training";
import { fisherRelationships, type LayerRelationships } from "./layer_relationships.ts";

/** The networks. `cnn` has every kind of layer that the theorems tell apart. */
export const studyModels = ["cnn", "mlp"] as const;

/** Name of a network. */
export type StudyModel = (typeof studyModels)[number];

/** What is studied. */
export interface StudyOptions {
  /** Convolutions (one of many locations, one of a single one) and dense layers, or dense layers alone. */
  readonly model: StudyModel;
  /** Decides images, weights and the order of training. */
  readonly seed: number;
  /** Passes over the training images, >= 0. */
  readonly epochs: number;
  /** Examples that the Fisher blocks are a mean over, at least 1, at most {@linkcode MOST_EXAMPLES}. */
  readonly examples: number;
}

/** What was found. */
export interface Study {
  /** The layers, from the input on. */
  readonly layers: readonly LayerRelationships[];
  /** How training went. */
  readonly training: RunSummary;
}

/** Images to learn from, and most that the Fisher blocks can be a mean over. */
export const MOST_EXAMPLES = 2000;
/** Pixels of a drawn digit that become one: 28 x 28 become 7 x 7. */
const SHRINK = 4;

const MODELS: Readonly<Record<StudyModel, () => LayerSpec[]>> = {
  // 7 x 7 -> 3 x 3 at stride 2 (T = 9) -> 1 x 1 (T = 1) -> 10 classes.
  cnn: () => [
    ...[conv2d(3, { kernel: 3, stride: 2 }), tanh()],
    ...[conv2d(4, { kernel: 3 }), tanh(), flatten()],
    ...[dense(6), tanh(), dense(10)],
  ],
  mlp: () => [flatten(), dense(3), tanh(), dense(6), tanh(), dense(10)],
};

/**
 * Trains a network with TEKFAC on small drawn digits and computes its Fisher blocks, exact and
 * approximated, at the weights it ends with.
 *
 * @param backend The reference backend, for numbers that theorems can be judged by.
 */
export async function studyRelationships(backend: Backend, options: StudyOptions): Promise<Study> {
  const { model: name, seed, epochs, examples } = options;
  const drawn = glyphs({ train: MOST_EXAMPLES, test: 200, seed });
  const data = { train: shrunk(drawn.train), test: shrunk(drawn.test) };
  const model = sequential(backend, { input: data.train.shape, layers: MODELS[name](), seed });
  try {
    const problem = objective(model, softmaxCrossEntropy());
    const optimizer = tekfac(problem, { seed });
    let training: RunSummary;
    try {
      training = await train({
        ...{ objective: problem, optimizer, data, epochs, batchSize: 100, seed },
      });
    } finally {
      optimizer[Symbol.dispose](); // gives the weights back to their own coordinates
    }
    const chosen = subset(data.train, Array.from({ length: examples }, (_, n) => n));
    const [batch] = batches(chosen, { size: examples });
    return { layers: fisherRelationships(problem, batch), training };
  } finally {
    model[Symbol.dispose]();
  }
}

/** The same images with 4 x 4 pixels averaged into one. */
function shrunk(dataset: ImageDataset): ImageDataset {
  const [height, width] = dataset.shape;
  const shape = [height / SHRINK, width / SHRINK, 1] as const;
  const images = new Float32Array(dataset.labels.length * shape[0] * shape[1]);
  const { images: pixels } = dataset;
  const size = inputSize(dataset);
  images.forEach((_, i) => {
    const x = i % shape[1];
    const y = Math.floor(i / shape[1]) % shape[0];
    const n = Math.floor(i / (shape[0] * shape[1]));
    let sum = 0;
    for (let dy = 0; dy < SHRINK; dy++) {
      for (let dx = 0; dx < SHRINK; dx++) {
        sum += pixels[n * size + (SHRINK * y + dy) * width + SHRINK * x + dx];
      }
    }
    images[i] = Math.min(1, sum / SHRINK ** 2);
  });
  return createDataset({ ...dataset, images, shape });
}
