/**
 * What is trained again and again.
 *
 * @module
 */

import { cosine } from "@tekfac/tekfac/core";
import {
  type Dataset,
  examplesIn,
  type ImageDataset,
  splitDataset,
  standardized,
  subset,
  type Table,
} from "@tekfac/tekfac/data";
import {
  dense,
  type LayerSpec,
  type Loss,
  mlp,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { adam } from "@tekfac/tekfac/optim";
import { fit } from "@tekfac/tekfac/training";
import type { RetrainingProblem } from "./retraining.ts";

/** How a problem is trained: Adam, half a cosine. */
interface Training {
  readonly layers: () => LayerSpec[];
  readonly loss: Loss;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** L2 decay, so that there is a minimum to come near to. */
  readonly decay: number;
}

/** Digits, and a network with one hidden layer. */
export function digitsProblem(
  { train, test }: { readonly train: ImageDataset; readonly test: ImageDataset },
  queries: number,
): RetrainingProblem {
  return problemOf(train, subset(test, Array.from({ length: queries }, (_, i) => i)), {
    layers: () => mlp({ hidden: [64] }),
    loss: softmaxCrossEntropy(),
    ...{ epochs: 20, batchSize: 50, learningRate: 2e-3, decay: 1e-3 },
  });
}

/** A table of numbers, standardized, and a network with one hidden layer; a tenth of the rows are queries. */
export function tableProblem(data: Table, seed: number): RetrainingProblem {
  const { train, test } = standardized(splitDataset(data, { testShare: 0.1, seed }));
  return problemOf(train, test, {
    layers: () => [dense(50), tanh(), dense(1)],
    loss: squaredError(),
    ...{ epochs: 100, batchSize: 32, learningRate: 5e-3, decay: 1e-3 },
  });
}

function problemOf(train: Dataset, queries: Dataset, training: Training): RetrainingProblem {
  const { layers, loss, epochs, batchSize, learningRate, decay } = training;
  return {
    ...{ train, queries, loss },
    async trained(backend, data, seed) {
      const model = sequential(backend, { input: data.shape, layers: layers(), seed });
      await fit(model, loss, { train: data, test: subset(queries, [0]) }, {
        optimizer: (goal, shared) =>
          adam(goal, { ...shared, learningRate, weightDecay: { kind: "l2", value: decay } }),
        annealing: cosine,
        // As many steps on a half as on the whole.
        epochs: Math.round(epochs * examplesIn(train) / examplesIn(data)),
        ...{ batchSize, seed },
        observer: { onNote: () => {} },
      });
      return model;
    },
  };
}
