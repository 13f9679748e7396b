/**
 * The best epoch so far, and its weights.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import type { BatchLike } from "../nn/batch.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Judgement } from "./evaluate.ts";
import type { EarlyStopping, TrainOptions } from "./train_options.ts";
import { WeightCopy, withJudgedWeights } from "./weight_copy.ts";

/** An epoch, counted from 1, and what is known of it. */
interface Epoch {
  readonly epoch: number;
  readonly judgement: Judgement;
}

/**
 * Watches epochs, and keeps a copy of the weights of the best one: of averages, where the model is judged by them.
 */
export class BestWeights {
  /** The best epoch; `undefined` while there is none. */
  best: Epoch | undefined;
  readonly #optimizer: Optimizer<BatchLike>;
  readonly #copy: WeightCopy;
  readonly #patience: number;
  readonly #minDelta: number;
  readonly #valueOf: (judgement: Judgement) => number;
  #waited = 0;

  /** @throws {OptionError} When an option is unknown, out of range, or what is watched is not measured. */
  constructor(options: TrainOptions, stopping: EarlyStopping) {
    const subject = "Cannot train";
    const { objective, optimizer, metrics = [] } = options;
    checkKnownKeys(subject, stopping, ["patience", "monitor", "minDelta"], "earlyStopping.");
    const name = "earlyStopping.patience";
    this.#patience = checkNumber(subject, name, stopping.patience, { min: 1, integer: true });
    const { minDelta = 0, monitor = "loss" } = stopping;
    this.#minDelta = checkNumber(subject, "earlyStopping.minDelta", minDelta, { min: 0 });
    this.#optimizer = optimizer;
    this.#copy = new WeightCopy(objective);
    const metric = metrics.find((metric) => metric.name === monitor);
    const sign = metric?.better === "lower" || metric === undefined && monitor === "loss" ? -1 : 1;
    const classified = objective.loss.countCorrect !== undefined;
    if (metric === undefined && monitor !== "loss" && !(monitor === "accuracy" && classified)) {
      const names = [
        "loss",
        ...(classified ? ["accuracy"] : []),
        ...metrics.map(({ name }) => name),
      ];
      const expectation = `must be one of what is measured: ${[...new Set(names)].join(", ")}`;
      throw new OptionError(subject, "earlyStopping.monitor", expectation, monitor);
    }
    this.#valueOf = ({ loss, accuracy, metrics }) =>
      sign *
      (metric === undefined ? (monitor === "loss" ? loss : accuracy!) : metrics![metric.name]);
  }

  /**
   * Looks at an epoch.
   *
   * @returns Whether patience is at its end. A value that is not a number is never better.
   */
  async look(epoch: number, judgement: Judgement): Promise<boolean> {
    const value = this.#valueOf(judgement);
    const bar = this.best === undefined ? -Infinity : this.#valueOf(this.best.judgement);
    if (!(value > bar + (this.best === undefined ? 0 : this.#minDelta))) {
      return ++this.#waited >= this.#patience;
    }
    this.#waited = 0;
    this.best = { epoch, judgement };
    await withJudgedWeights(this.#optimizer, () => this.#copy.take());
    return false;
  }

  /** Puts the weights of the best epoch back. */
  restore(): void {
    if (this.best !== undefined) this.#copy.restore();
  }
}
