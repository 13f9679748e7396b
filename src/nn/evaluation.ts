/**
 * How good a model is on a set of examples.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import type { Loss } from "./losses/loss.ts";

/** Means over a set of examples. */
export interface Evaluation {
  /** Number of examples. */
  readonly examples: number;
  /** Mean loss. */
  readonly loss: number;
  /** Share of predictions (examples, or positions of sequences) that are right, in [0, 1]; `null` where targets are no classes. */
  readonly accuracy: number | null;
}

/** Sums up micro-batches of any sizes, in float64 on the host. */
export class EvaluationSum {
  readonly #loss: Loss;
  #examples = 0;
  #lossSum = 0;
  #labels = 0;
  #correct = 0;

  /** Starts with no examples. */
  constructor(loss: Loss) {
    this.#loss = loss;
  }

  /**
   * Adds examples.
   *
   * @param losses One per example.
   * @param outputs Of all predictions that count, [n, K] row by row; looked at by classifiers' losses only.
   * @param targets Of the same predictions.
   */
  add(
    losses: ArrayLike<number>,
    outputs: ArrayLike<number>,
    targets: ArrayLike<number>,
  ): void {
    for (let n = 0; n < losses.length; n++) this.#lossSum += losses[n];
    this.#examples += losses.length;
    this.#labels += targets.length;
    this.#correct += this.#loss.countCorrect?.(outputs, targets) ?? 0;
  }

  /**
   * The means.
   *
   * @throws {DataError} When there was no example.
   */
  result(): Evaluation {
    const examples = this.#examples;
    if (examples === 0) throw new DataError("evaluation set", "expected examples, received none");
    const classifies = this.#loss.countCorrect !== undefined;
    return {
      examples,
      loss: this.#lossSum / examples,
      accuracy: classifies ? this.#correct / this.#labels : null,
    };
  }
}
