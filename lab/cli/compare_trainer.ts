/**
 * Does the trainings of a comparison, one after the other on one backend, and says how far they are.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { batchCount } from "@tekfac/tekfac/data";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { formatNumber, formatSeconds } from "@tekfac/tekfac/pages";
import { createJob, type Job, recipes, type RunSummary, train } from "@tekfac/tekfac/training";
import { type LoadedData, progressBar } from "../../src/cli/mod.ts";
import type { RunOutcome } from "../comparison.ts";
import type { Assignment } from "../laboratory.ts";
import { batchAt, describePoint, type SearchPoint, settingsAt } from "../search_space.ts";
import type { CompareSettings } from "./compare_settings.ts";

/** Trains what it is told to. */
export class Trainer {
  readonly #backend: Backend;
  readonly #data: LoadedData;
  readonly #settings: CompareSettings;

  /** Owns nothing: the caller disposes the backend. */
  constructor(backend: Backend, data: LoadedData, settings: CompareSettings) {
    this.#backend = backend;
    this.#data = data;
    this.#settings = settings;
  }

  /** How an optimizer describes itself at a place in its search space. */
  describe(optimizer: OptimizerName, point: SearchPoint): string {
    const job = this.#jobOf({ ...this.#settings, optimizer, point });
    try {
      return job.optimizer.describe();
    } finally {
      job[Symbol.dispose]();
    }
  }

  /** Trains once. Only what is compared is kept of it, so that hours of work need no more memory. */
  async perform(assignment: Assignment): Promise<RunSummary> {
    const { seed, point, epochs } = assignment;
    const { batch, progress } = this.#settings;
    const job = this.#jobOf(assignment);
    const bar = progress ? progressBar(titleOf(assignment), epochs) : undefined;
    try {
      const { stepLosses: _, stepsPerEpoch: __, endedBy: ___, notes: ____, ...summary } =
        await train({
          ...job,
          ...this.#data.vary,
          data: this.#data,
          epochs,
          batchSize: batchAt(batch, point),
          seed,
          evaluateTraining: assignment.kind === "run" ? "eachEpoch" : "end",
          ...(bar === undefined ? {} : { observer: bar }),
        });
      return summary;
    } finally {
      bar?.[Symbol.dispose]();
      job[Symbol.dispose]();
    }
  }

  #jobOf(
    { optimizer, point, seed, epochs }: Pick<Assignment, "optimizer" | "point" | "seed" | "epochs">,
  ): Job {
    const { model, width, batch } = this.#settings;
    const dataset = this.#data.train;
    return createJob(this.#backend, {
      model,
      width,
      optimizer,
      dataset,
      steps: Math.max(1, epochs * batchCount(dataset, batchAt(batch, point))),
      seed,
      settings: settingsAt(optimizer, recipes[model].settings, point),
    });
  }

  /** One line on stderr about a training that is done, for whoever reads the log of a long run. */
  tell(assignment: Assignment, outcome: RunOutcome, done: number, total: number): void {
    const { json, run, progress } = this.#settings;
    if (json || (run === undefined && !progress)) return;
    const what = "failure" in outcome
      ? "diverged"
      : `training loss ${formatNumber(outcome.record.trainLoss)} in ` +
        formatSeconds(outcome.record.seconds);
    const where = assignment.kind === "trial" ? ` (${describePoint(assignment.point)})` : "";
    console.error(`${done} of ${total}: ${titleOf(assignment)}${where}: ${what}`);
  }
}

function titleOf({ kind, optimizer, index, seed, epochs }: Assignment): string {
  if (kind === "trial") return `${optimizer}, trial ${index + 1}`;
  return `${optimizer}, seed ${seed}${kind === "timed" ? `, ${epochs} epochs` : ""}`;
}
