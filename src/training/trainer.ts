/**
 * The loop: epochs of steps, an evaluation after each, a record of all of it.
 *
 * @module
 */

import { NumericalError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { Augmentation } from "../data/augmentation.ts";
import { batchCount, batches, type BatchesOptions } from "../data/batches.ts";
import { type Dataset, type DatasetSplit, examplesIn } from "../data/dataset.ts";
import { streamBatches } from "../data/stream_batches.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { Evaluation } from "../nn/evaluation.ts";
import type { ModelObjective } from "../nn/objective.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { StepReport } from "../optim/report.ts";

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
  /** Decides the order of the examples. */
  readonly seed: number;
  /** How often the whole training set is evaluated; time for it is not training time. @default {"end"} */
  readonly evaluateTraining?: "end" | "eachEpoch";
  /** Is told about everything as it happens. */
  readonly observer?: TrainingObserver;
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

/** Is told about a run as it happens. Time spent here is not counted as training time. */
export interface TrainingObserver {
  /** After each step. */
  onStep?(progress: StepProgress): void;
  /** After the evaluation of each epoch; training goes on when the promise resolves. */
  onEpoch?(epoch: EpochRecord): void | Promise<void>;
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
  /** Training time: batches and steps, without evaluations. */
  readonly seconds: number;
  /** Mean time of a step, 0 without any. */
  readonly stepMs: number;
}

/** A finished run, with every step. */
export interface TrainingRecord extends RunSummary {
  /** Loss of each step's batch, before the step. */
  readonly stepLosses: readonly number[];
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;
}

/**
 * Trains a model and evaluates it after each epoch.
 *
 * The order of the examples depends on the seed and the epoch alone, so a run that goes on from a
 * checkpoint meets the batches that an uninterrupted one would have met.
 *
 * @throws {OptionError} When `epochs`, `epochsDone` or `batchSize` is out of range.
 * @throws {ShapeError | DataError} When the data do not fit the model.
 * @throws {NumericalError} When a loss, a gradient or an update is not finite.
 */
export async function train(options: TrainOptions): Promise<TrainingRecord> {
  const { objective, data, observer } = options;
  const run = new Run(options);
  const epochs: EpochRecord[] = [];
  const often = options.evaluateTraining === "eachEpoch";
  const initial = often ? { initialLoss: (await evaluate(options, data.train)).loss } : {};
  let judged: Evaluation | undefined;
  let learned: Evaluation | undefined;
  for (let epoch = run.firstEpoch; epoch < options.epochs; epoch++) {
    const runningLoss = await run.epoch(epoch);
    judged = await evaluate(options, data.test);
    if (often) learned = await evaluate(options, data.train);
    const record = {
      epoch: epoch + 1,
      runningLoss,
      ...(learned === undefined ? {} : { trainLoss: learned.loss }),
      testLoss: judged.loss,
      testAccuracy: judged.accuracy,
      seconds: run.seconds,
    };
    checkEvaluation("test", judged, options);
    epochs.push(record);
    await observer?.onEpoch?.(record);
  }
  judged ??= await evaluate(options, data.test);
  learned ??= await evaluate(options, data.train);
  checkEvaluation("training", learned, options);
  await objective.backend.flush();
  return {
    stepLosses: run.losses,
    stepsPerEpoch: run.stepsPerEpoch,
    epochs,
    ...initial,
    trainLoss: learned.loss,
    testLoss: judged.loss,
    testAccuracy: judged.accuracy,
    seconds: run.seconds,
    stepMs: run.losses.length === 0 ? 0 : 1000 * run.seconds / run.losses.length,
  };
}

/** The steps of a run, and what they have cost so far. */
class Run {
  readonly firstEpoch: number;
  readonly stepsPerEpoch: number;
  readonly losses: number[] = [];
  seconds = 0;
  readonly #options: TrainOptions;
  readonly #steps: number;
  #examples = 0;
  #lastPause = performance.now();

  constructor(options: TrainOptions) {
    const subject = "Cannot train";
    const count = { min: 0, integer: true };
    const epochs = checkNumber(subject, "epochs", options.epochs, count);
    this.firstEpoch = checkNumber(subject, "epochsDone", options.epochsDone ?? 0, count);
    const size = checkNumber(subject, "batchSize", options.batchSize, { min: 1, integer: true });
    this.#options = options;
    this.stepsPerEpoch = batchCount(options.data.train, size);
    this.#steps = Math.max(0, epochs - this.firstEpoch) * this.stepsPerEpoch;
  }

  /** Takes the steps of one epoch and returns the mean loss of its examples. */
  async epoch(epoch: number): Promise<number> {
    const { optimizer, observer, data, batchSize, seed, augment } = this.#options;
    const order: BatchesOptions = {
      size: batchSize,
      targets: this.#options.targets ?? "labels",
      shuffle: { seed, epoch },
      ...(augment === undefined ? {} : { augment }),
    };
    const stream = streamBatches(data.train, order);
    let lossSum = 0;
    let started = performance.now();
    for await (const batch of stream) {
      const report = await optimizer.step(batch).report();
      this.seconds += (performance.now() - started) / 1000;
      this.losses.push(report.loss);
      this.#examples += report.examples;
      lossSum += report.loss * report.examples;
      observer?.onStep?.({
        epoch: epoch + 1,
        step: this.losses.length,
        steps: this.#steps,
        examplesPerSecond: this.#examples / this.seconds,
        report,
      });
      // A batch that is made during the pause is training time nevertheless.
      const prepared = stream.preparationMs;
      await this.#pause();
      this.seconds += (stream.preparationMs - prepared) / 1000;
      started = performance.now();
    }
    return lossSum / examplesIn(data.train);
  }

  /** Lets timers and input have their turn now and then; promises alone never do. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#lastPause < 100) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#lastPause = performance.now();
  }
}

function evaluate(options: TrainOptions, dataset: Dataset): Promise<Evaluation> {
  const targets = options.targets ?? "labels";
  return options.objective.evaluate(batches(dataset, { size: 1000, targets }));
}

function checkEvaluation(
  which: "training" | "test",
  { loss }: Evaluation,
  { optimizer: { stepCount: step } }: TrainOptions,
): void {
  if (Number.isFinite(loss)) return;
  throw new NumericalError(
    `Training diverged: the ${which} loss after step ${step} is ${loss}. Try a smaller learning rate ` +
      "or a larger damping",
    { quantity: "loss", step },
  );
}
