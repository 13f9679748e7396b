/**
 * What a standard study is about.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import type { Augmentation, DatasetSplit, DataShape } from "@tekfac/tekfac/data";
import { type LayerSpec, type Loss, objective, sequential } from "@tekfac/tekfac/nn";
import {
  type Objective,
  type Optimizer,
  type OptimizerName,
  optimizers,
  type OptimizerSettings,
  type StepOptions,
} from "@tekfac/tekfac/optim";
import { type Job, type Metric, rmse } from "@tekfac/tekfac/training";
import type { HeldOutMetric } from "../held_out.ts";
import { settingsAt } from "../search_space.ts";
import { exampleWorkload, type Workload } from "../workload.ts";
import { balancedError } from "./altered.ts";

/** Folders that `--data DIR` may have. */
export type DataFolder = "mnist10k" | "cifar10-small" | "uci" | "shakespeare";

/** Something to be trained with every optimizer. */
export interface StudyTask {
  /** Names its directory of runs: `"mnist-mlp"`. */
  readonly name: string;
  /** What it is, for the document. */
  readonly title: string;
  /** The folder of data that it needs; absent where data are drawn. */
  readonly folder?: DataFolder;
  /** Whether it is part of the study of an hour. @default {false} */
  readonly short?: boolean;
  /** Whether TEKFAC should end below EKFAC, by theory (docs/WHEN.md). @default {false} */
  readonly unequal?: boolean;
  /** What it is judged by. */
  readonly metric: HeldOutMetric;
  /** Passes over the examples to learn from. */
  readonly epochs: number;
  /** Examples of a step. */
  readonly batch: number;
  /** Reads or draws the data, and makes it ready. */
  open(bench: Workbench): Promise<OpenTask>;
}

/** What tasks are opened with. */
export interface Workbench {
  /** Computes everything. */
  readonly backend: Backend;
  /** Directory of the folders of data. */
  readonly data: string | undefined;
  /** What optimizers are set to before a point moves them. */
  readonly settings: OptimizerSettings;
}

/** A task with its data. */
export interface OpenTask {
  /** Trains. */
  readonly workload: Workload;
  /** Numbers of examples, for the document. */
  readonly examples: { readonly train: number; readonly test: number };
  /** Which data they are, so that a journal is not continued with others. */
  readonly fingerprint: string;
}

/** A task of examples in memory. */
export interface ExampleTask {
  /** The data of a run. */
  data(seed: number): DatasetSplit;
  /** The network. */
  layers(shape: DataShape): LayerSpec[];
  /** The loss. */
  readonly loss: () => Loss;
  /** What is to be predicted. @default {"labels"} */
  readonly targets?: Job["targets"];
  /** How examples to learn from are varied. */
  readonly augment?: Augmentation;
}

const METRICS: Readonly<Record<HeldOutMetric, readonly Metric[]>> = {
  loss: [],
  error: [],
  balancedError: [balancedError()],
  rmse: [rmse()],
};

/** Trains such a task with any optimizer, annealed by half a cosine. */
export function workloadOf(
  { metric, batch }: Pick<StudyTask, "metric" | "batch">,
  task: ExampleTask,
  { backend, settings }: Pick<Workbench, "backend" | "settings">,
): Workload {
  const { data, layers, loss, targets = "labels", augment } = task;
  return exampleWorkload({
    ...{ metric, batch, data, metrics: METRICS[metric] },
    ...(augment === undefined ? {} : { augment }),
    job({ optimizer: name, point, seed }, { shape }, steps) {
      const model = sequential(backend, { input: shape, layers: layers(shape), seed });
      try {
        const goal = objective(model, loss());
        const shared = { annealing: cosine(steps), seed };
        const optimizer = created(goal, name, settingsAt(name, settings, point), shared);
        return {
          ...{ objective: goal, optimizer, targets },
          [Symbol.dispose]: () => {
            optimizer[Symbol.dispose]();
            model[Symbol.dispose]();
          },
        };
      } catch (error) {
        model[Symbol.dispose]();
        throw error;
      }
    },
  });
}

/** Generic in the name, so that an optimizer and its options are known to belong together. */
function created<Name extends OptimizerName, B>(
  goal: Objective<B>,
  name: Name,
  settings: OptimizerSettings,
  shared: Pick<StepOptions, "annealing" | "seed">,
): Optimizer<B> {
  return optimizers[name](goal, { ...shared, ...settings[name] });
}
