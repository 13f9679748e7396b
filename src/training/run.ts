/**
 * The steps of a run.
 *
 * @module
 */

import { checkNumber } from "../core/options.ts";
import { batchCount, type BatchesOptions } from "../data/batches.ts";
import { inputSize, targetSize } from "../data/dataset.ts";
import { streamBatches } from "../data/stream_batches.ts";
import { type BatchLayout, type BatchLike, splitBatch } from "../nn/batch.ts";
import type { Pause } from "../core/pause.ts";
import type { TrainOptions } from "./train_options.ts";

/** The steps of a run, and what they have cost so far. */
export class Run {
  /** The first epoch, counted from 0. */
  readonly firstEpoch: number;
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;
  /** Loss of each step's batch. */
  readonly losses: number[] = [];
  /** Training time so far. */
  seconds = 0;
  /** That of the first step. */
  firstStepSeconds: number | undefined;
  /** Whether an observer has ended the run. */
  stopped = false;
  readonly #options: TrainOptions;
  readonly #pause: Pause;
  readonly #microBatch: number;
  readonly #steps: number;
  #examples = 0;

  /** @throws {OptionError} When a number is out of range. */
  constructor(options: TrainOptions, pause: Pause) {
    const subject = "Cannot train";
    const count = { min: 0, integer: true };
    const some = { min: 1, integer: true };
    const epochs = checkNumber(subject, "epochs", options.epochs, count);
    this.firstEpoch = checkNumber(subject, "epochsDone", options.epochsDone ?? 0, count);
    const size = checkNumber(subject, "batchSize", options.batchSize, some);
    this.#microBatch = checkNumber(subject, "microBatch", options.microBatch ?? size, some);
    this.#options = options;
    this.#pause = pause;
    const ranks = options.optimizer.options.group?.size ?? 1;
    this.stepsPerEpoch = batchCount(options.data.train, size, ranks);
    this.#steps = Math.max(0, epochs - this.firstEpoch) * this.stepsPerEpoch;
  }

  /** Takes the steps of one epoch, until an observer ends it, and returns the mean loss of their examples. */
  async epoch(epoch: number): Promise<number> {
    const { optimizer, observer, signal, data, batchSize, seed, augment } = this.#options;
    const { group } = optimizer.options;
    const order: BatchesOptions = {
      size: batchSize,
      targets: this.#options.targets ?? "labels",
      shuffle: { seed, epoch },
      ...(augment === undefined ? {} : { augment }),
      ...(group === undefined ? {} : { share: { rank: group.rank, ranks: group.size } }),
    };
    const stream = streamBatches(data.train, order);
    let [lossSum, examples] = [0, 0];
    let started = performance.now();
    for await (const batch of stream) {
      signal?.throwIfAborted();
      const report = await optimizer.step(...this.#parts(batch)).report();
      this.seconds += (performance.now() - started) / 1000;
      this.firstStepSeconds ??= this.seconds;
      this.losses.push(report.loss);
      this.#examples += report.examples;
      examples += report.examples;
      lossSum += report.loss * report.examples;
      const verdict = observer?.onStep?.({
        epoch: epoch + 1,
        step: this.losses.length,
        steps: this.#steps,
        examplesPerSecond: this.#examples / this.seconds,
        report,
      });
      if (verdict === false) {
        this.stopped = true;
        break;
      }
      // A batch that is made during the pause is training time nevertheless.
      const prepared = stream.preparationMs;
      await this.#pause.take();
      this.seconds += (stream.preparationMs - prepared) / 1000;
      started = performance.now();
    }
    return lossSum / examples;
  }

  #parts(batch: BatchLike): BatchLike[] {
    const { data: { train }, batchSize, targets } = this.#options;
    if (this.#microBatch >= batchSize) return [batch];
    const inputs = inputSize(train);
    const layout: BatchLayout = {
      inputs,
      targets: targets === "inputs" ? inputs : targetSize(train),
    };
    return [...splitBatch(batch, layout, this.#microBatch)];
  }
}
