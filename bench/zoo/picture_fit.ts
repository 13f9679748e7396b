/**
 * A network on images: classes to tell apart, or the images themselves to reproduce.
 *
 * @module
 */

import {
  type Augmentation,
  batchCount,
  batches,
  type BatchLike,
  type Dataset,
  type DatasetSplit,
  examplesIn,
  type LayerSpec,
  type Loss,
  objective,
  sequential,
} from "@tekfac/tekfac";
import { subset } from "@tekfac/tekfac/data";
import { type Contender, create } from "./contenders.ts";
import type { Lab } from "./lab.ts";
import { type Trace, train } from "./training.ts";

/** A problem, complete but for the optimizer. */
export interface PictureFit {
  /** The network. */
  readonly layers: readonly LayerSpec[];
  /** The loss. */
  readonly loss: Loss;
  /** Images to learn from and to be judged by. */
  readonly data: DatasetSplit;
  /** What is predicted. @default {"labels"} */
  readonly targets?: "labels" | "inputs";
  /** How images to learn from are varied. */
  readonly augment?: Augmentation;
  /** Examples of a step. */
  readonly batch: number;
  /** Passes over the images. */
  readonly epochs: number;
  /** Seed of weights and order. */
  readonly seed: number;
}

/** What a network says of the held-out images, and the run that led there. */
export interface PictureRun {
  /** Share of wrong answers, or the mean loss where there are no labels. */
  readonly heldOut: number;
  /** The run. */
  readonly trace: Trace;
}

/** So many of the images learned from tell the training loss. */
const EVALUATED = 2000;

/** Trains a network with a contender. */
export function fitPictures(lab: Lab, contender: Contender, problem: PictureFit): PictureRun {
  const { data, targets = "labels", augment, batch: size, epochs, seed } = problem;
  using model = sequential(lab.backend, {
    input: data.train.shape,
    layers: [...problem.layers],
    seed,
  });
  const goal = objective(model, problem.loss);
  using optimizer = create(goal, contender, epochs * batchCount(data.train, size));
  const evaluate = (images: Dataset) => goal.evaluateSync(batches(images, { size: 500, targets }));
  const count = Math.min(EVALUATED, examplesIn(data.train));
  const learned = subset(data.train, Array.from({ length: count }, (_, i) => i));
  const trace = train<BatchLike>({
    optimizer,
    epochs,
    batches: (epoch) =>
      batches(data.train, {
        ...{ size, targets, shuffle: { seed, epoch } },
        ...(augment === undefined ? {} : { augment }),
      }),
    evaluate: () => evaluate(learned).loss,
  });
  const { loss, accuracy } = evaluate(data.test);
  return { heldOut: accuracy === null ? loss : 1 - accuracy, trace };
}
