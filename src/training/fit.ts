/**
 * Training in one call.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { batchCount } from "../data/batches.ts";
import type { Dataset, DatasetSplit } from "../data/dataset.ts";
import { splitDataset } from "../data/split.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { Loss } from "../nn/losses/loss.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import { objective } from "../nn/objective.ts";
import type { Sequential } from "../nn/sequential.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepOptions } from "../optim/step_options.ts";
import type { TrainingObserver, TrainingRecord, TrainOptions } from "./train_options.ts";
import { train } from "./trainer.ts";
import { keepsAverage, WeightCopy } from "./weight_copy.ts";

/** How a model is trained. */
export interface FitOptions
  extends Omit<TrainOptions, "objective" | "optimizer" | "data" | "epochsDone"> {
  /**
   * Makes the optimizer, which `fit` disposes: `tekfac`, any other of the seven, or a function that adds options
   * to those that it is given, `(goal, shared) => adam(goal, { ...shared, learningRate: 1e-2 })`.
   */
  readonly optimizer: (
    goal: ModelObjective,
    shared: Pick<StepOptions, "annealing" | "seed">,
  ) => Optimizer<BatchLike>;
  /**
   * Makes the factor of the learning rate from the number of steps that `epochs` allow: `cosine`, or
   * `(steps) => warmup(100, cosine(steps))`. Early stopping cuts it short. @default {no annealing}
   */
  readonly annealing?: (steps: number) => (step: number) => number;
  /**
   * Share of the data that is held back, in (0, 1), by a permutation of `seed`. Needed where data are one set,
   * refused where they are split already.
   */
  readonly validationShare?: number;
}

/** What {@linkcode fit} takes, and no other. */
const KNOWN: { readonly [Key in keyof Required<FitOptions>]: true } = {
  ...{ optimizer: true, annealing: true, validationShare: true, targets: true, augment: true },
  ...{ epochs: true, batchSize: true, microBatch: true, seed: true, evaluateTraining: true },
  ...{ metrics: true, earlyStopping: true, signal: true, observer: true },
};

/**
 * Trains a model: holds examples back, makes the optimizer, takes epochs of steps, evaluates after each, and ends
 * early where that is asked for. It is {@linkcode train} for those who need neither objective nor optimizer
 * afterwards. Nothing is standardized, weighed or annealed unless it is asked for.
 *
 * @param model Its weights are changed: to the last ones, the best ones with early stopping, or averages where the
 * optimizer keeps some. Not owned.
 * @param loss The loss of one example.
 * @param data What is learned from; `test` of two parts is the validation set. `standardized`, `weighted` and
 * `splitDataset` make them.
 * @param options The optimizer, how long, and what else.
 * @returns The history: losses of every step, what held after every epoch, why it ended. Plain data; `runReport`
 * makes a page of it. Notes of a run that does not learn are in it and, unless an observer takes them, on the console.
 * @throws {OptionError} When an option is unknown, missing or out of range.
 * @throws {ShapeError | DataError} When the data do not fit the model.
 * @throws {NumericalError} When a loss, a gradient or an update is not finite.
 * @throws The reason of the signal, when it is aborted.
 *
 * @example Digits, until they get no better
 * ```ts
 * import assert from "node:assert/strict";
 * import { cosine, createBackend, glyphs, mlp, sequential, softmaxCrossEntropy, tekfac } from "@tekfac/tekfac";
 * import { fit, topK } from "@tekfac/tekfac/training";
 *
 * const data = glyphs({ train: 500, test: 100, seed: 1 });
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [28, 28, 1], layers: mlp({ hidden: [16] }), seed: 1 });
 * const history = await fit(model, softmaxCrossEntropy(), data, {
 *   optimizer: tekfac,
 *   annealing: cosine,
 *   epochs: 5,
 *   batchSize: 100,
 *   seed: 1,
 *   metrics: [topK(3)],
 *   earlyStopping: { patience: 2, monitor: "top3" },
 * });
 * assert(history.metrics!.top3 > 0.6);
 * assert(history.testLoss < history.stepLosses[0]);
 * ```
 */
export async function fit(
  model: Sequential,
  loss: Loss,
  data: Dataset | DatasetSplit,
  options: FitOptions,
): Promise<TrainingRecord> {
  const subject = "Cannot fit a model";
  checkKnownKeys(subject, options, Object.keys(KNOWN));
  const { optimizer: create, annealing, validationShare, ...rest } = options;
  if (typeof create !== "function") {
    const expectation = "must be a function that makes one, such as tekfac or adam";
    throw new OptionError(subject, "optimizer", expectation, create);
  }
  checkNumber(subject, "seed", options.seed);
  const parts = partsOf(subject, data, validationShare, options.seed);
  const goal = objective(model, loss);
  const epochs = checkNumber(subject, "epochs", options.epochs, { min: 0, integer: true });
  const size = checkNumber(subject, "batchSize", options.batchSize, { min: 1, integer: true });
  const steps = Math.max(1, epochs * batchCount(parts.train, size));
  const optimizer = create(goal, {
    seed: options.seed,
    ...(annealing === undefined ? {} : { annealing: annealing(steps) }),
  });
  const observer = listening(options.observer);
  try {
    const history = await train({ ...rest, objective: goal, optimizer, data: parts, observer });
    // The averages would be gone with the optimizer.
    if (keepsAverage(optimizer) && history.bestEpoch === undefined) {
      const averages = new WeightCopy(goal);
      await optimizer.withAverage(() => averages.take());
      averages.restore();
    }
    return history;
  } finally {
    optimizer[Symbol.dispose]();
  }
}

/** The observer, with the console for notes that it does not take. */
function listening(observer: TrainingObserver | undefined): TrainingObserver {
  if (observer?.onNote !== undefined) return observer;
  return {
    onStep: (progress) => observer?.onStep?.(progress),
    onEpoch: (epoch) => observer?.onEpoch?.(epoch),
    onNote: (note) => console.warn(note),
  };
}

function partsOf(
  subject: string,
  data: Dataset | DatasetSplit,
  testShare: number | undefined,
  seed: number,
): DatasetSplit {
  const name = "validationShare";
  if ("train" in data) {
    if (testShare === undefined) return data;
    const expectation = "must be left out where the data are split already";
    throw new OptionError(subject, name, expectation, testShare);
  }
  if (testShare !== undefined) return splitDataset(data, { testShare, seed });
  const expectation =
    "must be a share of the examples, such as 0.2, unless data are { train, test }";
  throw new OptionError(subject, name, expectation, testShare);
}
