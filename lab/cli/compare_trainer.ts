/**
 * Does the trainings of a comparison, one after the other on one backend, and says how far they are.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { ImageDataset } from "@tekfac/tekfac/data";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { formatNumber, formatSeconds } from "@tekfac/tekfac/pages";
import { createJob, recipes, type RunSummary } from "@tekfac/tekfac/training";
import { type LoadedData, progressBar } from "../../src/cli/mod.ts";
import type { RunOutcome } from "../comparison.ts";
import { heldOut, metricNames } from "../held_out.ts";
import type { Assignment } from "../laboratory.ts";
import { describePoint, type SearchPoint, settingsAt } from "../search_space.ts";
import { type ExampleWork, exampleWorkload, type Workload } from "../workload.ts";
import type { CompareSettings } from "./compare_settings.ts";

/** Trains what it is told to. */
export class Trainer {
  readonly #work: ExampleWork;
  readonly #workload: Workload;
  readonly #data: LoadedData;
  readonly #settings: CompareSettings;

  /** Owns nothing: the caller disposes the backend. */
  constructor(backend: Backend, data: LoadedData, settings: CompareSettings) {
    const { model, width, batch, metric } = settings;
    this.#data = data;
    this.#settings = settings;
    this.#work = {
      ...{ metric, batch, learningCurve: true },
      ...data.vary,
      data: () => data,
      job: ({ optimizer, point, seed }, examples, steps) =>
        createJob(backend, {
          ...{ model, width, optimizer, steps, seed },
          dataset: examples as ImageDataset, // of the data above
          settings: settingsAt(optimizer, recipes[model].settings, point),
        }),
    };
    this.#workload = exampleWorkload(this.#work);
  }

  /** How an optimizer describes itself at a place in its search space. */
  describe(optimizer: OptimizerName, point: SearchPoint): string {
    const assignment = { kind: "run", index: 0, seed: 0, epochs: 0, optimizer, point } as const;
    const job = this.#work.job(assignment, this.#data.train, 1);
    try {
      return job.optimizer.describe();
    } finally {
      job[Symbol.dispose]();
    }
  }

  /** Trains once. */
  async perform(assignment: Assignment): Promise<RunSummary> {
    if (!this.#settings.progress) return await this.#workload.train(assignment);
    const bar = progressBar(titleOf(assignment), assignment.epochs);
    try {
      return await this.#workload.train(assignment, bar);
    } finally {
      bar[Symbol.dispose]();
    }
  }

  /** One line on stderr about a training that is done, for whoever reads the log of a long run. */
  tell(assignment: Assignment, outcome: RunOutcome, done: number, total: number): void {
    const { json, run, progress, metric } = this.#settings;
    if (json || (run === undefined && !progress)) return;
    console.error(`${done} of ${total}: ${newsOf(metric, assignment, outcome)}`);
  }
}

/** A training that is done, in a line. */
export function newsOf(
  metric: ExampleWork["metric"],
  assignment: Assignment,
  outcome: RunOutcome,
): string {
  const what = "failure" in outcome
    ? "diverged"
    : `${metricNames[metric]} ${formatNumber(heldOut(metric, outcome.record))} in ` +
      formatSeconds(outcome.record.seconds);
  const where = assignment.kind === "trial" ? ` (${describePoint(assignment.point)})` : "";
  return `${titleOf(assignment)}${where}: ${what}`;
}

function titleOf({ kind, optimizer, index, seed, epochs }: Assignment): string {
  if (kind === "trial") return `${optimizer}, trial ${index + 1}`;
  return `${optimizer}, seed ${seed}${kind === "timed" ? `, ${epochs} epochs` : ""}`;
}
