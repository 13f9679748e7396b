/**
 * Optimizers on a table of numbers, split by split: defaults against the best of three learning rates.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import { examplesIn, splitDataset, standardized, subset, type Table } from "@tekfac/tekfac/data";
import { dense, objective, relu, sequential, squaredError } from "@tekfac/tekfac/nn";
import { type OptimizerName, optimizers } from "@tekfac/tekfac/optim";
import { fit, rmse } from "@tekfac/tekfac/training";

/** What stays at its defaults; the others get the best of {@linkcode FACTORS}. */
const UNTUNED: readonly OptimizerName[] = ["tekfac", "ekfac", "tkfac", "kfac"];

/** Learning rates that are tried, in units of the optimizer's default. */
const FACTORS = [1 / 3, 1, 3] as const;

/** Of Adam, whose default is meant for larger networks and longer trainings than those of tables. */
const ADAM_FACTORS = [1, 3, 10] as const;

/** Share of the rows to learn from that decides about epochs and rates. */
const VALIDATION = 0.2;

/** How every optimizer trains. */
export interface TableStudy {
  /** Which ones. */
  readonly optimizers: readonly OptimizerName[];
  /** Rows of the test part of each split. */
  readonly testRows: readonly (readonly number[])[];
  /** Hidden units, with ReLU. */
  readonly hidden: number;
  /** Epochs that are allowed; the cosine runs over all of them. */
  readonly epochs: number;
  /** Epochs without a lower validation loss after which a training ends. */
  readonly patience: number;
  /** Rows per step. */
  readonly batch: number;
  /** Of weights, order and validation rows; the split's number is added. */
  readonly seed: number;
}

/** An optimizer on all splits. */
export interface TableOutcome {
  /** Its name. */
  readonly optimizer: OptimizerName;
  /** Root mean squared errors of the splits' test rows, in the unit of the target; NaN where training failed. */
  readonly errors: readonly number[];
  /** Mean of the errors. */
  readonly mean: number;
  /** Mean place among the optimizers, 1 the best; ties share theirs. */
  readonly rank: number;
  /** Seconds of training, of all rates that were tried. */
  readonly seconds: number;
}

/** One training: what validation says, and the error on the test rows. */
interface Trial {
  readonly validation: number;
  readonly error: number;
  readonly seconds: number;
}

/** Trains every optimizer on every split. */
export async function studyTable(
  backend: Backend,
  data: Table,
  study: TableStudy,
): Promise<TableOutcome[]> {
  const trials = new Map<OptimizerName, Trial[]>(study.optimizers.map((name) => [name, []]));
  for (const split of study.testRows.keys()) {
    for (const name of study.optimizers) {
      const factors = UNTUNED.includes(name) ? [1] : name === "adam" ? ADAM_FACTORS : FACTORS;
      const tried: Trial[] = [];
      for (const factor of factors) {
        tried.push(await trialOf(backend, data, study, split, name, factor));
      }
      const best = tried.reduce((a, b) => b.validation < a.validation ? b : a);
      const seconds = tried.reduce((sum, { seconds }) => sum + seconds, 0);
      trials.get(name)!.push({ ...best, seconds });
    }
  }
  const errors = study.optimizers.map((name) => trials.get(name)!.map(({ error }) => error));
  const ranks = meanRanks(errors);
  return study.optimizers.map((optimizer, i) => ({
    optimizer,
    errors: errors[i],
    mean: mean(errors[i]),
    rank: ranks[i],
    seconds: trials.get(optimizer)!.reduce((sum, { seconds }) => sum + seconds, 0),
  }));
}

async function trialOf(
  backend: Backend,
  data: Table,
  study: TableStudy,
  split: number,
  name: OptimizerName,
  factor: number,
): Promise<Trial> {
  const { testRows, hidden, epochs, patience, batch: batchSize } = study;
  const seed = study.seed + split;
  const held = new Set(testRows[split]);
  const rest = Array.from({ length: examplesIn(data) }, (_, i) => i).filter((i) => !held.has(i));
  const parts = splitDataset(subset(data, rest), { testShare: VALIDATION, seed });
  const { train, test, standardization } = standardized(parts);
  const layers = [dense(hidden), relu(), dense(1)];
  const model = sequential(backend, { input: train.shape, layers, seed });
  try {
    const history = await fit(model, squaredError(), { train, test }, {
      optimizer: (goal, shared) => {
        const create = optimizers[name];
        if (factor === 1) return create(goal, shared);
        const usual = create(goal, shared);
        const { learningRate } = usual.options;
        usual[Symbol.dispose]();
        const learningRates = (step: number) =>
          factor * (typeof learningRate === "number" ? learningRate : learningRate(step));
        return create(goal, { ...shared, learningRate: learningRates });
      },
      ...{ annealing: cosine, epochs, batchSize, seed, earlyStopping: { patience } },
      observer: { onNote: () => {} },
    });
    // In the unit of the table: inputs are standardized as those to learn from, outputs brought back.
    const { inputs, targets } = subset(data, testRows[split]);
    const by = standardization.inputs;
    const columns = by.mean.length;
    const scaled = Float64Array.from(
      inputs,
      (x, i) => (x - by.mean[i % columns]) / by.deviation[i % columns],
    );
    const outputs = await objective(model, squaredError()).predict(scaled);
    const { mean: [centre], deviation: [unit] } = standardization.targets!;
    const error = rmse().of(outputs.map((z) => centre + unit * z), targets);
    return { validation: history.testLoss, error, seconds: history.seconds };
  } catch (error) {
    if ((error as Error).name !== "NumericalError") throw error;
    return { validation: Infinity, error: NaN, seconds: 0 };
  } finally {
    model[Symbol.dispose]();
  }
}

/** Mean place of each row among all rows, column by column; NaN comes last, and ties share their places. */
export function meanRanks(rows: readonly (readonly number[])[]): number[] {
  const value = (x: number) => Number.isNaN(x) ? Infinity : x;
  return rows.map((row) =>
    mean(row.map((own, split) => {
      const all = rows.map((other) => value(other[split]));
      const below = all.filter((other) => other < value(own)).length;
      const equal = all.filter((other) => other === value(own)).length;
      return below + (equal + 1) / 2;
    }))
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
