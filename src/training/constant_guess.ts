/**
 * The loss of whoever gives every example the same answer: a model above it has learnt nothing.
 *
 * @module
 */

import { batches } from "../data/batches.ts";
import { targetSize } from "../data/dataset.ts";
import type { LossKind } from "../backend/backend.ts";
import type { TrainOptions } from "./train_options.ts";

/** Epochs and steps after which a model should know more than that. */
const LEAST = { epochs: 3, steps: 30 } as const;

/** Share of the constant's loss above which nothing has been learnt. */
const SHARE = 0.98;

/**
 * Looks at the loss of an epoch once it should be below that of a constant answer.
 *
 * @param run Epochs and steps that this optimizer has taken on this model.
 * @returns What is wrong and what to try; `undefined` where nothing is.
 */
export function notLearning(
  options: TrainOptions,
  loss: number,
  { epochs, steps }: { readonly epochs: number; readonly steps: number },
): string | undefined {
  if (epochs < LEAST.epochs || steps < LEAST.steps) return undefined;
  const guess = constantLoss(options);
  if (guess === undefined || !(loss >= SHARE * guess)) return undefined;
  return `The model does not learn: after ${epochs} epochs its loss on the training set is ` +
    `${loss.toPrecision(4)}, and the same answer to every example has ${guess.toPrecision(4)}. ` +
    "Try another learning rate (ten times smaller, then larger), inputs and targets with mean 0 and " +
    "deviation 1 ('standardized'), and whether the targets are in the order of the inputs; where a " +
    "schedule is set, whether it starts near 0";
}

/** Mean loss of the best constant answer on the training set; `undefined` for losses without a formula here. */
function constantLoss(
  { objective, data: { train }, targets = "labels" }: TrainOptions,
): number | undefined {
  const { loss: { kind, parameter = 0 }, model: { output } } = objective;
  if (parameter !== 0) return undefined;
  const labels = kind === "softmaxCrossEntropy";
  if (output.length === 2 && !labels) return undefined; // a sequence of numbers
  const size = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  /** Predictions of an example: one, or one for each position of a sequence. */
  const positions = output.length === 2 ? output[0] : 1;
  const width = labels
    ? size(output) / positions
    : targets === "inputs"
    ? size(train.shape)
    : targetSize(train);
  // Weighted mean and sum of squares about it, one prediction after another (Welford, 1962).
  const [mean, square] = [new Float64Array(width), new Float64Array(width)];
  let [total, count] = [0, 0];
  for (const batch of batches(train, { size: 1000, targets })) {
    for (let n = 0; n < batch.examples * positions; n++) {
      const weight = batch.weights?.[Math.floor(n / positions)] ?? 1;
      count++;
      total += weight;
      if (weight === 0) continue;
      for (let k = 0; k < width; k++) {
        const target = labels ? Number(batch.targets[n] === k) : batch.targets[n * width + k];
        const away = target - mean[k];
        mean[k] += away * weight / total;
        square[k] += weight * away * (target - mean[k]);
      }
    }
  }
  const sum = (of: (k: number) => number) => mean.reduce((sum, _, k) => sum + of(k), 0);
  const scale = total / count;
  const nats = (p: number) => p > 0 ? -p * Math.log(p) : 0;
  const formulas: Partial<Record<LossKind, () => number>> = {
    softmaxCrossEntropy: () => scale * sum((k) => nats(mean[k])),
    sigmoidCrossEntropy: () => scale * sum((k) => nats(mean[k]) + nats(1 - mean[k])),
    halfSumSquaredError: () => sum((k) => square[k]) / (2 * count),
    meanSquaredError: () => sum((k) => square[k]) / (width * count),
  };
  return formulas[kind]?.();
}
