/**
 * What a training is told, and what it tells.
 *
 * @module
 */

import type { Augmentation } from "../data/augmentation.ts";
import type { DatasetSplit } from "../data/dataset.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { ModelObjective } from "../nn/model_objective.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepReport } from "../optim/report.ts";
import type { Metric } from "./metrics/metric.ts";

/** What is trained, on what, and for how long. */
export interface TrainOptions {
  /** The model with its loss. Not owned. */
  readonly objective: ModelObjective;
  /** Takes the steps. Not owned. */
  readonly optimizer: Optimizer<BatchLike>;
  /** Examples to learn from and examples to be judged by. */
  readonly data: DatasetSplit;
  /** What the model shall predict: the targets of the data, or its own input. @default {"labels"} */
  readonly targets?: "labels" | "inputs";
  /** How the images to learn from are varied; never when the model is evaluated. @default {not at all} */
  readonly augment?: Augmentation;
  /** Epochs in all, >= 0. */
  readonly epochs: number;
  /** Epochs that an earlier run has done; this run goes on after them. @default {0} */
  readonly epochsDone?: number;
  /** Examples per step, >= 1. */
  readonly batchSize: number;
  /**
   * Examples at a time, >= 1: gradients of a step's parts are added up, for batches that memory does not hold.
   * The same step, but where batches normalise themselves. @default {batchSize}
   */
  readonly microBatch?: number;
  /** Decides the order of the examples. */
  readonly seed: number;
  /** How often the whole training set is evaluated; time for it is not training time. @default {"end"} */
  readonly evaluateTraining?: "end" | "eachEpoch";
  /** What is measured on the test set after each epoch, besides loss and accuracy. @default {nothing} */
  readonly metrics?: readonly Metric[];
  /** Ends the run when the test set does not get better. @default {all epochs are trained} */
  readonly earlyStopping?: EarlyStopping;
  /**
   * Ends the run with an error: before the next step, `train` rejects with the signal's reason. Weights and
   * optimizer are then those of the last step. For a stop with a record, an observer returns `false`.
   */
  readonly signal?: AbortSignal;
  /** Is told about everything as it happens, and may end the run. */
  readonly observer?: TrainingObserver;
}

/**
 * When a run that gets no better ends. The weights of the best epoch are then put back, as they also are when
 * all epochs have been trained.
 *
 * A schedule goes on as if nothing could end the run: half a cosine over all epochs that are allowed is only cut
 * short. So allow as many epochs as are worth their time, and some patience: the best epochs of a cosine are
 * often the last ones.
 */
export interface EarlyStopping {
  /** How many epochs may pass without a better one, an integer >= 1. */
  readonly patience: number;
  /** What is watched: `"loss"` of the test set, `"accuracy"`, or the name of one of the metrics. @default {"loss"} */
  readonly monitor?: string;
  /** By how much an epoch has to be better than the best to count, >= 0. @default {0} */
  readonly minDelta?: number;
}

/** Where a run stands. */
export interface StepProgress {
  /** The epoch that is running, counted from 1. */
  readonly epoch: number;
  /** Steps taken in this run. */
  readonly step: number;
  /** Steps of this run in all. */
  readonly steps: number;
  /** Examples per second of training time, from the beginning of this run. */
  readonly examplesPerSecond: number;
  /** What the optimizer says about the step. */
  readonly report: StepReport;
}

/** What an observer returns: `false` ends the run. */
export type Verdict = false | void;

/** Is told about a run as it happens. Time spent here is not counted as training time. */
export interface TrainingObserver {
  /** After each step. `false` ends the run, and with it the epoch, which is evaluated. */
  onStep?(progress: StepProgress): Verdict;
  /** After the evaluation of each epoch; training goes on when the promise resolves, unless to `false`. */
  onEpoch?(epoch: EpochRecord): Verdict | Promise<Verdict>;
  /** When something about the run looks wrong: what, and what to try. */
  onNote?(note: string): void;
}

/** One epoch. */
export interface EpochRecord {
  /** Counted from 1. */
  readonly epoch: number;
  /** Mean loss of the epoch's examples, each before the step that used it. */
  readonly runningLoss: number;
  /** Mean loss over the whole training set after the epoch, where that was asked for. */
  readonly trainLoss?: number;
  /** Mean loss over the test set after the epoch. */
  readonly testLoss: number;
  /** Share of the test set classified rightly, `null` where targets are no classes. */
  readonly testAccuracy: number | null;
  /** What the metrics say about the test set after the epoch, by their names; absent without metrics. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Training time from the beginning of the run, evaluations not counted. */
  readonly seconds: number;
}

/** What a finished run comes down to. */
export interface RunSummary {
  /** The epochs of this run. */
  readonly epochs: readonly EpochRecord[];
  /** Mean loss over the whole training set before the first step, where that was asked for. */
  readonly initialLoss?: number;
  /** Mean loss over the whole training set at the end. */
  readonly trainLoss: number;
  /** Mean loss over the test set at the end. */
  readonly testLoss: number;
  /** Share of the test set classified rightly at the end, `null` where targets are no classes. */
  readonly testAccuracy: number | null;
  /** What the metrics say about the test set at the end, by their names; absent without metrics. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** `true` where the training loss at the end is no lower than that of the same answer to every example. */
  readonly didNotLearn?: true;
  /** Training time: batches and steps, without evaluations. */
  readonly seconds: number;
  /** Mean time of a step, 0 without any. */
  readonly stepMs: number;
  /** Time of the first step, which begins the curvature and makes its first bases; absent without steps. */
  readonly firstStepSeconds?: number;
}

/** A finished run, with every step. */
export interface TrainingRecord extends RunSummary {
  /** Loss of each step's batch, before the step. */
  readonly stepLosses: readonly number[];
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;
  /** Why the run ended: all epochs were trained, it got no better, or an observer said so. */
  readonly endedBy: "epochs" | "patience" | "observer";
  /** With early stopping, the epoch whose weights the model has at the end; absent when there was none. */
  readonly bestEpoch?: number;
  /** What looked wrong, and what to try. */
  readonly notes: readonly string[];
}
