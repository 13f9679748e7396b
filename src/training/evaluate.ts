/**
 * How good a model is on a data set, by its loss and by metrics.
 *
 * @module
 */

import { batches } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { denormalizeNumbers } from "../data/normalization.ts";
import type { Evaluation } from "../nn/evaluation.ts";
import type { Pause } from "../core/pause.ts";
import type { TrainOptions } from "./train_options.ts";

/** Examples between two turns of the event loop. */
const SIZE = 1000;

/** What is known of the model after an epoch. */
export interface Judgement extends Evaluation {
  /** By the metrics' names; absent without metrics. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/**
 * Mean loss and accuracy, and metrics where they are wanted, of numbers in the units that they had before they were
 * standardized.
 *
 * @throws Whatever the signal is aborted with.
 */
export async function evaluate(
  options: Pick<TrainOptions, "objective" | "targets" | "signal">,
  dataset: Dataset,
  metrics: TrainOptions["metrics"],
  pause: Pause,
): Promise<Judgement> {
  const { objective, signal, targets = "labels" } = options;
  let [loss, right, examples] = [0, 0, 0];
  let classified = true;
  const collected = metrics === undefined ? undefined : new Collection();
  for (const batch of batches(dataset, { size: SIZE, targets })) {
    signal?.throwIfAborted();
    const part = await objective.evaluate(batch, collected?.listener ?? {});
    examples += part.examples;
    loss += part.loss * part.examples;
    if (part.accuracy === null) classified = false;
    else right += part.accuracy * part.examples;
    await pause.take();
  }
  const whole = { examples, loss: loss / examples, accuracy: classified ? right / examples : null };
  if (metrics === undefined || collected === undefined) return whole;
  const normalization = targets === "labels" ? dataset.targetNormalization : undefined;
  const [outputs, goals] = [collected.outputs, collected.targets].map((parts) => {
    const numbers = parts.flat();
    return normalization === undefined ? numbers : denormalizeNumbers(numbers, normalization);
  });
  return {
    ...whole,
    metrics: Object.fromEntries(metrics.map(({ name, of }) => [name, of(outputs, goals)])),
  };
}

/** Outputs and targets of all examples. */
class Collection {
  readonly outputs: number[][] = [];
  readonly targets: number[][] = [];
  readonly listener = {
    onOutputs: (outputs: ArrayLike<number>, targets: ArrayLike<number>): void => {
      this.outputs.push(Array.from(outputs));
      this.targets.push(Array.from(targets));
    },
  };
}
