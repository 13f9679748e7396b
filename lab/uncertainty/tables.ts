/**
 * Whether intervals about predicted numbers hold what they promise.
 *
 * @module
 */

import { curvatureOf, laplace } from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import { batches, examplesIn, splitDataset, standardized, type Table } from "@tekfac/tekfac/data";
import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { fit } from "@tekfac/tekfac/training";
import { coverageOf } from "./calibration.ts";

/** Shares that intervals promise, with the quantiles of the normal distribution that make them. */
export const PROMISES: readonly (readonly [share: number, z: number])[] = [
  [0.5, 0.674490],
  [0.9, 1.644854],
  [0.95, 1.959964],
];

/** What came of one split. */
export interface IntervalOutcome {
  readonly way: string;
  /** Root mean squared error over the deviation of the targets. */
  readonly error: number;
  /** Mean of minus the logarithm of the density, targets having deviation 1. */
  readonly loss: number;
  /** Share of test targets inside, of each promise. */
  readonly coverage: readonly number[];
}

/** Trains on nine tenths of a table and judges intervals on the rest. */
export async function studyIntervals(
  backend: Backend,
  data: Table,
  { epochs, seed }: { readonly epochs: number; readonly seed: number },
): Promise<IntervalOutcome[]> {
  const { train, test } = standardized(splitDataset(data, { testShare: 0.1, seed }));
  const layers = [dense(50), tanh(), dense(1)];
  using model = sequential(backend, { input: train.shape, layers, seed });
  await fit(model, squaredError(), { train, test }, {
    optimizer: tekfac,
    ...{ annealing: cosine, epochs, batchSize: 64, seed },
    observer: { onNote: () => {} },
  });
  const goal = objective(model, squaredError());
  using curvature = await curvatureOf(goal, train);
  const [{ inputs, targets }] = batches(test, { size: examplesIn(test) });
  const judge = (way: string, outputs: Float64Array, deviations: Float64Array): IntervalOutcome => {
    let [square, loss] = [0, 0];
    outputs.forEach((output, i) => {
      const error = targets[i] - output;
      square += error ** 2;
      loss += (error / deviations[i]) ** 2 / 2 + Math.log(deviations[i]) +
        Math.log(2 * Math.PI) / 2;
    });
    return {
      way,
      error: Math.sqrt(square / targets.length),
      loss: loss / targets.length,
      coverage: PROMISES.map(([, z]) => coverageOf(outputs, deviations, targets, z)),
    };
  };
  // The noise alone, as large as the training residuals.
  const outputs = await goal.predict(inputs);
  const residual = Math.sqrt(2 * curvature.facts.loss);
  const rows = [judge("training residuals", outputs, outputs.map(() => residual))];
  for (const layers of ["last", "all"] as const) {
    const posterior = await laplace(curvature, { layers });
    const prediction = await posterior.predict(inputs);
    const way = layers === "last" ? "last layer" : "all layers";
    rows.push(judge(way, prediction.outputs, prediction.deviations!));
  }
  return rows;
}
