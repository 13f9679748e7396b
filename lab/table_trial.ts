/**
 * One training on a split of a table.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import {
  denormalizeNumbers,
  examplesIn,
  normalizeNumbers,
  splitDataset,
  standardized,
  subset,
  type Table,
} from "@tekfac/tekfac/data";
import { dense, objective, relu, sequential, squaredError } from "@tekfac/tekfac/nn";
import { fit, rmse } from "@tekfac/tekfac/training";
import { type ContenderName, createContender } from "./table_contenders.ts";

/** How every optimizer trains. */
export interface TrialSettings {
  /** Units of the hidden layers, with ReLU. */
  readonly hidden: readonly number[];
  /** Share of the rows to learn from that decides about epochs and rates. */
  readonly validation: number;
  /** Epochs that are allowed; half a cosine runs over all of them. */
  readonly epochs: number;
  /** Epochs without a lower validation loss after which a training ends. */
  readonly patience: number;
  /** Rows per step. */
  readonly batch: number;
  /** Of weights, order and validation rows; the split's number is added. */
  readonly seed: number;
}

/** Where a training stood after an epoch. */
export interface Milestone {
  /** Seconds of processor time since it began, evaluations included. */
  readonly seconds: number;
  /** Root mean squared error on the validation rows, in the unit of the target. */
  readonly error: number;
}

/** What became of a training. */
export interface Trial {
  /** Least error on the validation rows, in the unit of the target; `null` where training failed. */
  readonly validation: number | null;
  /** Root mean squared error on the test rows of the weights that had it; `null` where training failed. */
  readonly error: number | null;
  /** Seconds of processor time. */
  readonly seconds: number;
  /** Every epoch. */
  readonly course: readonly Milestone[];
}

/**
 * Trains on the rows that a split does not hold back, and judges by those that it does.
 *
 * @param testRows Those held back.
 * @param factor What the contender's default learning rate is multiplied by.
 */
export async function runTrial(
  backend: Backend,
  data: Table,
  testRows: readonly number[],
  settings: TrialSettings,
  { name, factor }: { readonly name: ContenderName; readonly factor: number },
): Promise<Trial> {
  const { hidden, validation, epochs, patience, batch: batchSize, seed } = settings;
  const held = new Set(testRows);
  const rest = Array.from({ length: examplesIn(data) }, (_, i) => i).filter((i) => !held.has(i));
  const parts = splitDataset(subset(data, rest), { testShare: validation, seed });
  const { train, test, standardization } = standardized(parts);
  const layers = [...hidden.flatMap((units) => [dense(units), relu()]), dense(1)];
  using model = sequential(backend, { input: train.shape, layers, seed });
  const course: Milestone[] = [];
  const began = cpuUsage();
  const seconds = (): number => {
    const { user, system } = cpuUsage(began);
    return (user + system) / 1e6;
  };
  try {
    await fit(model, squaredError(), { train, test }, {
      optimizer: (goal, shared) => createContender(name, factor, goal, shared),
      ...{ annealing: cosine, epochs, batchSize, seed, earlyStopping: { patience } },
      metrics: [rmse()],
      observer: {
        onEpoch: ({ metrics }) => {
          course.push({ seconds: seconds(), error: metrics!.rmse });
        },
        onNote: () => {},
      },
    });
    const spent = seconds();
    const { inputs, targets } = subset(data, testRows);
    const scaled = normalizeNumbers(inputs, standardization.inputs);
    const outputs = await objective(model, squaredError()).predict(scaled);
    const error = rmse().of(denormalizeNumbers(outputs, standardization.targets!), targets);
    const least = Math.min(...course.map(({ error }) => error));
    return { validation: least, error, seconds: spent, course };
  } catch (error) {
    if ((error as Error).name !== "NumericalError") throw error;
    return { validation: null, error: null, seconds: seconds(), course };
  }
}
