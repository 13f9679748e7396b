/**
 * One run of one optimizer, watched step by step: nothing is mended, what goes wrong is written down.
 *
 * @module
 */

import { DataError, NumericalError, type Optimizer } from "@tekfac/tekfac";

/** A run that is about to begin. */
export interface Training<B> {
  /** Takes the steps. */
  readonly optimizer: Optimizer<B>;
  /** Passes over the examples. */
  readonly epochs: number;
  /** Batches of an epoch, which is counted from 0. */
  readonly batches: (epoch: number) => Iterable<B>;
  /** Mean loss of all examples learned from. */
  readonly evaluate: () => number;
  /** Batches whose losses are averaged into "the loss before": 1 where all batches are the same. */
  readonly window?: number;
  /**
   * A loss below which growth does not count, as it is rounding or the noise of a batch. @default {a
   * thousandth of the start}
   */
  readonly floor?: number;
  /** Unit of the loss: all losses are divided by it. @default {1} */
  readonly unit?: number;
  /** Step whose own batch is not like the others, so that its loss says nothing of the step before. */
  readonly strange?: number;
  /** Called after each epoch; outside the time that is measured. */
  readonly afterEpoch?: (epoch: number) => void;
}

/** What was seen. All losses in their unit. */
export interface Trace {
  /** Loss before the first step. */
  readonly start: number;
  /** Loss after the last step, NaN where the run broke off. */
  readonly end: number;
  /** Highest loss of a batch. */
  readonly highest: number;
  /** Largest ratio of a batch's loss and the loss before it. */
  readonly worst: number;
  /** What a step threw. */
  readonly threw?: string;
  /** Steps that were taken. */
  readonly steps: number;
  /** Seconds of steps and of making batches. */
  readonly seconds: number;
}

/** So many losses before a step tell what a batch's loss usually is. */
export const BATCH_WINDOW = 10;

/** A loss so many times that of the start is called divergence. */
const DIVERGED = 10;

/** Trains to the end, or until a step throws or a loss is not finite. */
export function train<B>(training: Training<B>): Trace {
  const { optimizer, epochs, window = BATCH_WINDOW, unit = 1 } = training;
  const start = training.evaluate() / unit;
  const watch = new LossWatch(window, training.floor ?? 1e-3 * Math.abs(start));
  let seconds = 0;
  let threw: string | undefined;
  try {
    for (let epoch = 0; epoch < epochs && watch.sound; epoch++) {
      const began = performance.now();
      for (const batch of training.batches(epoch)) {
        const { loss, step } = optimizer.stepSync(batch);
        if (step !== training.strange) watch.see(loss / unit);
        if (!watch.sound) break;
      }
      seconds += (performance.now() - began) / 1000;
      if (watch.sound) training.afterEpoch?.(epoch);
    }
  } catch (error) {
    // NaN comes as a DataError from a model outside the library. Other errors are to be mended, not counted.
    if (!(error instanceof NumericalError || error instanceof DataError)) throw error;
    threw = error.message;
  }
  const end = threw === undefined && watch.sound ? training.evaluate() / unit : NaN;
  if (window === 1) watch.see(end);
  return {
    start,
    end,
    highest: watch.highest,
    worst: watch.worst,
    ...(threw === undefined ? {} : { threw }),
    steps: optimizer.stepCount,
    seconds,
  };
}

/** Whether a run left the region in which anything is learned. */
export function diverged({ start, end, highest, threw }: Trace): boolean {
  const limit = start + (DIVERGED - 1) * Math.abs(start);
  return threw !== undefined || !Number.isFinite(end) || highest > limit;
}

/** Compares each loss with those before it. */
class LossWatch {
  highest = -Infinity;
  worst = 0;
  sound = true;
  readonly #recent: number[] = [];
  readonly #window: number;
  readonly #floor: number;

  constructor(window: number, floor: number) {
    this.#window = window;
    this.#floor = floor;
  }

  see(loss: number): void {
    if (!Number.isFinite(loss)) {
      this.sound = false;
      this.worst = Infinity;
      return;
    }
    this.highest = Math.max(this.highest, loss);
    const recent = this.#recent;
    if (recent.length > 0) {
      const before = recent.reduce((sum, value) => sum + value) / recent.length;
      this.worst = Math.max(this.worst, loss / Math.max(before, this.#floor));
    }
    recent.push(loss);
    if (recent.length > this.#window) recent.shift();
  }
}
