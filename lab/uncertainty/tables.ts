/**
 * Whether intervals about predicted numbers hold what they promise.
 *
 * @module
 */

import { curvatureOf, laplace } from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import {
  batches,
  type DatasetSplit,
  examplesIn,
  splitDataset,
  standardized,
  standardizedBy,
  type Table,
} from "@tekfac/tekfac/data";
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

/** Share of the rows to learn from that the ways called validation hold back. */
const VALIDATION = 0.1;

/**
 * Trains on nine tenths of a table and judges intervals on the rest; ways that choose by validation train on less, and
 * are judged on the same rows.
 */
export async function studyIntervals(
  backend: Backend,
  data: Table,
  { epochs, seed }: { readonly epochs: number; readonly seed: number },
): Promise<IntervalOutcome[]> {
  const whole = splitDataset(data, { testShare: 0.1, seed });
  const parts = splitDataset(whole.train, { testShare: VALIDATION, seed });
  const fewer = standardized({ train: parts.train, test: whole.test });
  const validation = standardizedBy(parts.test, fewer.standardization);
  const all = standardized(whole);
  const [unit, other] = [all, fewer].map((of) => of.standardization.targets!.deviation[0]);
  const rows = await judged(backend, all, { epochs, seed });
  for (const row of await judged(backend, fewer, { epochs, seed, validation })) {
    const [error, loss] = [row.error * other / unit, row.loss + Math.log(other / unit)];
    rows.push({ ...row, error, loss });
  }
  return rows;
}

interface Trial {
  readonly epochs: number;
  readonly seed: number;
  /** What chooses prior and noise; the marginal likelihood where it is left out. */
  readonly validation?: Table;
}

/** One model, in each way. */
async function judged(
  backend: Backend,
  { train, test }: DatasetSplit<Table>,
  { epochs, seed, validation }: Trial,
): Promise<IntervalOutcome[]> {
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
  // The noise alone, as large as residuals are.
  const outputs = await goal.predict(inputs);
  const known = validation ?? train;
  const [examples] = batches(known, { size: examplesIn(known) });
  const { loss } = await goal.evaluate(examples);
  const [residuals, how] = validation === undefined
    ? ["training residuals", "marginal likelihood"]
    : ["held-out residuals", "validation"];
  const rows = [judge(residuals, outputs, outputs.map(() => Math.sqrt(2 * loss)))];
  for (const layers of ["last", "all"] as const) {
    const posterior = await laplace(curvature, {
      layers,
      ...validation === undefined
        ? {}
        : { priorPrecision: { kind: "validation", data: validation } },
    });
    const prediction = await posterior.predict(inputs);
    const way = `${layers === "last" ? "last layer" : "all layers"}, ${how}`;
    rows.push(judge(way, prediction.outputs, prediction.deviations!));
  }
  return rows;
}
