/**
 * A language model as a workload: steps instead of epochs, nats per character instead of a loss.
 *
 * @module
 */

import type { TextSplit } from "@tekfac/tekfac/data";
import { createTextJob, type TextJobOptions, trainText } from "@tekfac/tekfac/training";
import { batchAt, settingsAt } from "../search_space.ts";
import type { Workload } from "../workload.ts";
import type { Workbench } from "./task.ts";

/** Share of the text to learn from that trials do not see. */
const VALIDATION = 0.1;

/** A text to learn from. */
export interface TextTask {
  /** The text. */
  readonly data: TextSplit;
  /** Sizes of the network. */
  readonly sizes: Pick<TextJobOptions, "layers" | "heads" | "width" | "context">;
  /** Sequences of a step. */
  readonly batch: number;
  /** Steps of what counts as one epoch: from one evaluation to the next. */
  readonly stepsPerEpoch: number;
}

/** Trains a `gpt` on characters; a run's epochs are its evaluations. */
export function textWorkload(task: TextTask, { backend, settings }: Workbench): Workload {
  const { data, sizes, batch } = task;
  const vocabulary = data.vocabulary.characters.length;
  return {
    metric: "loss",
    async train({ kind, optimizer, point, seed, epochs }) {
      const batchSize = batchAt(batch, point);
      // Smaller steps, more of them: as many characters.
      const every = Math.round(task.stepsPerEpoch * batch / batchSize);
      const steps = Math.max(1, epochs * every);
      const cut = Math.round((1 - VALIDATION) * data.train.length);
      const text = kind === "trial"
        ? { ...data, train: data.train.slice(0, cut), test: data.train.slice(cut) }
        : data;
      using job = createTextJob(backend, {
        ...{ ...sizes, vocabulary, steps, seed, optimizer },
        settings: settingsAt(optimizer, settings, point),
      });
      const record = await trainText({
        ...{ ...job, data: text, steps, batchSize, seed, evaluateEvery: every },
      });
      const { evaluations, heldOutLoss, seconds, stepMs } = record;
      return {
        epochs: evaluations.map(({ runningLoss, heldOutLoss, seconds }, i) => ({
          ...{ epoch: i + 1, runningLoss, testLoss: heldOutLoss, testAccuracy: null, seconds },
        })),
        trainLoss: evaluations.at(-1)?.runningLoss ?? NaN,
        ...{ testLoss: heldOutLoss, testAccuracy: null, seconds, stepMs },
      };
    },
  };
}
