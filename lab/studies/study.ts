/**
 * A study: one task with every optimizer, by defaults or after an equal search.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { OptimizerName, OptimizerSettings } from "@tekfac/tekfac/optim";
import { optimizerNames, type RunSummary } from "@tekfac/tekfac/training";
import { type ComparisonSummary, summarizeComparison } from "../comparison_summary.ts";
import type { RunOutcome } from "../comparison.ts";
import { heldOut } from "../held_out.ts";
import { type Assignment, type LaboratoryPlan, runLaboratory } from "../laboratory.ts";
import { searchSpaces } from "../search_space.ts";
import { contention, machineName, runtimeName } from "../machine.ts";
import { RunDirectory } from "../run_directory.ts";
import type { StudyTask } from "./task.ts";

/** Which table a study belongs to: what a user gets who sets nothing, or the best of equally many trials. */
export const forms = ["defaults", "tuned"] as const;

/** One of {@linkcode forms}. */
export type Form = typeof forms[number];

/**
 * What optimizers are set to in all studies: nothing. Only Adam gets the decay of weights that other libraries
 * preset for it, which makes it AdamW.
 */
export const unset: OptimizerSettings = {
  ...{ tekfac: {}, ekfac: {}, tkfac: {}, kfac: {}, soap: {}, muon: {}, sgd: {} },
  adam: { weightDecay: { kind: "decoupled", value: 1e-2 } },
};

/** Seeds of searches lie so far beyond those of the runs. */
const SEARCH_SEED = 1000;

/** How studies are made. */
export interface StudyPlan {
  /** Which table. */
  readonly form: Form;
  /** The optimizers. @default {all} */
  readonly optimizers?: readonly OptimizerName[];
  /** Runs of every optimizer. */
  readonly seeds: number;
  /** The first of their seeds. */
  readonly firstSeed: number;
  /** Trials of every optimizer, where they are tuned. */
  readonly trials: number;
  /** Options that are tried beyond the defaults. @default {{}} */
  readonly settings?: Partial<OptimizerSettings>;
}

/** Where and how long a study works. */
export interface StudyPlace {
  /** Computes everything. */
  readonly backend: Backend;
  /** Directory of the folders of data. */
  readonly data: string | undefined;
  /** Directory of the run directories. */
  readonly runs: string;
  /** Asked before each training. */
  mayGoOn(): boolean;
  /** Is told of each. */
  tell(assignment: Assignment, outcome: RunOutcome): void;
}

/** The name of a study's directory: `"mnist-mlp-defaults"`. */
export function directoryOf(task: StudyTask, form: Form): string {
  return `${task.name}-${form}`;
}

/**
 * Does what is missing of a study, and writes down what there is: `runs.jsonl` as it goes, `compare.json` at the end.
 *
 * @throws {StateError} When the directory belongs to other settings or data.
 */
export async function makeStudy(
  task: StudyTask,
  plan: StudyPlan,
  { backend, data, runs, mayGoOn, tell }: StudyPlace,
): Promise<ComparisonSummary> {
  const { form, seeds: count, firstSeed, trials, optimizers = optimizerNames } = plan;
  const settings = { ...unset, ...plan.settings };
  const { workload, examples, fingerprint } = await task.open({ backend, data, settings });
  const { metric, epochs, batch } = task;
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
  const search = form === "tuned" ? { trials, seed: firstSeed + SEARCH_SEED } : undefined;
  const laboratory: LaboratoryPlan = {
    ...{ optimizers, seeds, epochs, equalTime: form === "tuned" },
    ...(search === undefined ? {} : { search }),
  };
  const directory = `${runs}/${directoryOf(task, form)}`;
  const machine = machineName();
  using journal = await RunDirectory.open(directory, {
    ...{ format: 2, task: task.name, form, optimizers, epochs, batch, metric, firstSeed },
    ...(search === undefined ? {} : { trials, spaces: optimizers.map((n) => searchSpaces[n]) }),
    ...{ fingerprint, settings, machine, backend: backend.info.description },
  });
  const findings = await runLaboratory(laboratory, {
    journal,
    mayGoOn,
    judge: (record) => heldOut(metric, record),
    perform: async (assignment): Promise<RunSummary> => {
      journal.watch.restart();
      return await workload.train(assignment);
    },
    onOutcome: (assignment, outcome) => tell(assignment, outcome),
  });
  const today = new Date().toISOString().slice(0, 10);
  const [from, to] = journal.days ?? [today, today];
  const summary = summarizeComparison({
    ...{ command: commandOf(task, plan), model: task.title, data: task.folder ?? "drawn", metric },
    ...{ trainingExamples: examples.train, testExamples: examples.test, epochs, batch, seeds },
    search: search === undefined ? null : { ...search, keys: null },
    ...{ backend: backend.info.description, machine, runtime: runtimeName(), from, to },
    contended: contention(findings.optimizers, journal.others) ?? null,
  }, findings);
  await Deno.writeTextFile(`${directory}/compare.json`, `${JSON.stringify(summary, null, 1)}\n`);
  return summary;
}

/** The command that does the same on any machine; directories are not named. */
function commandOf(task: StudyTask, { form, seeds, firstSeed, trials }: StudyPlan): string {
  return [
    `deno task studies --only ${task.name} --form ${form} --seeds ${seeds} --seed ${firstSeed}`,
    ...(form === "tuned" ? [`--trials ${trials}`] : []),
    ...(task.folder === undefined ? [] : ["--data DIR"]),
  ].join(" ");
}
