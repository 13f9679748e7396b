/**
 * What a laboratory trains again and again: data, a network for them, and how a run is judged.
 *
 * @module
 */

import {
  type Augmentation,
  batchCount,
  type Dataset,
  type DatasetSplit,
  splitDataset,
} from "@tekfac/tekfac/data";
import {
  type Job,
  type Metric,
  type RunSummary,
  train,
  type TrainingObserver,
} from "@tekfac/tekfac/training";
import type { HeldOutMetric } from "./held_out.ts";
import type { Assignment } from "./laboratory.ts";
import { batchAt } from "./search_space.ts";

/** Share of the examples to learn from that trials do not see, and are judged by. */
const VALIDATION = 0.2;

/** A training that can be repeated with other optimizers and seeds. */
export interface Workload {
  /** What its runs are judged by. */
  readonly metric: HeldOutMetric;
  /** Trains once: a trial on a part of the examples to learn from, judged by the rest of them. */
  train(assignment: Assignment, observer?: TrainingObserver): Promise<RunSummary>;
}

/** What a training on examples is made of. */
export interface ExampleWork {
  /** What its runs are judged by. */
  readonly metric: HeldOutMetric;
  /** How that is found out, where loss and accuracy do not tell it. @default {[]} */
  readonly metrics?: readonly Metric[];
  /** Examples of a step, unless a point multiplies them. */
  readonly batch: number;
  /** How examples to learn from are varied. @default {not at all} */
  readonly augment?: Augmentation;
  /** Whether runs tell the loss of all examples to learn from after each epoch. @default {false} */
  readonly learningCurve?: boolean;
  /** The data of a run; the same for all runs, or one of several splits. */
  data(seed: number): DatasetSplit;
  /** A network for such examples and its optimizer, annealed over so many steps. Disposed after the training. */
  job(assignment: Assignment, examples: Dataset, steps: number): Job;
}

/** A workload of examples in memory. Only what is compared is kept of a run: hours of work need no more memory. */
export function exampleWorkload(work: ExampleWork): Workload {
  const { metric, metrics = [], augment } = work;
  return {
    metric,
    train: async (assignment, observer) => {
      const { kind, seed, epochs, point } = assignment;
      const whole = work.data(seed);
      const data = kind === "trial" ? heldBack(whole.train, seed) : whole;
      const batchSize = batchAt(work.batch, point);
      const steps = Math.max(1, epochs * batchCount(data.train, batchSize));
      const job = work.job(assignment, data.train, steps);
      try {
        const { stepLosses: _, stepsPerEpoch: __, endedBy: ___, notes: ____, ...summary } =
          await train({
            ...{ ...job, data, epochs, batchSize, seed },
            ...(metrics.length === 0 ? {} : { metrics }),
            ...(augment === undefined ? {} : { augment }),
            evaluateTraining: work.learningCurve && kind === "run" ? "eachEpoch" : "end",
            observer: { ...observer, onNote: () => {} },
          });
        return summary;
      } finally {
        job[Symbol.dispose]();
      }
    },
  };
}

/** Some examples to learn from and the others to be judged by. */
function heldBack(examples: Dataset, seed: number): DatasetSplit {
  return splitDataset(examples, { testShare: VALIDATION, seed });
}
