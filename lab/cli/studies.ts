/**
 * `deno task studies`: the standard studies, one comparison each. They can be stopped at any time and go on when they
 * are started again; what they leave is all that `deno task evidence` needs.
 *
 * @module
 */

import { createBackend } from "@tekfac/tekfac/backend";
import { OptionError } from "@tekfac/tekfac/core";
import type { OptimizerSettings } from "@tekfac/tekfac/optim";
import { optimizerNames } from "@tekfac/tekfac/training";
import { type ArgumentValues, helpText, readArguments, run } from "../../src/cli/mod.ts";
import { forms, makeStudy, type StudyPlan } from "../studies/study.ts";
import type { StudyTask } from "../studies/task.ts";
import { tasks } from "../studies/tasks.ts";
import { newsOf } from "./compare_trainer.ts";

const SUBJECT = "Cannot run 'studies'";

const options = {
  only: {
    kind: "choices",
    choices: tasks.map(({ name }) => name),
    help: `tasks, separated by commas (default: all; ${tasks.map(({ name }) => name).join(", ")})`,
  },
  short: { kind: "flag", help: "only the tasks that take about an hour together" },
  form: {
    kind: "choice",
    choices: forms,
    help: "settings that nobody has set, or the best of equally many trials (default: defaults)",
  },
  optimizers: {
    kind: "choices",
    choices: optimizerNames,
    help: `which ones (default: ${optimizerNames.join(",")})`,
  },
  seeds: {
    kind: "integer",
    range: { min: 1, max: 1000 },
    help: "runs of every optimizer (default: 5)",
  },
  seed: {
    kind: "integer",
    range: { min: 0, max: 2 ** 31 },
    help: "the first of their seeds (default: 100, which nothing was chosen with)",
  },
  trials: {
    kind: "integer",
    range: { min: 1, max: 10_000 },
    help: "trials of every optimizer, with --form tuned (default: 12)",
  },
  settings: {
    kind: "text",
    placeholder: "JSON",
    help:
      'options beyond the defaults, such as {"tekfac":{"rank":16}}; in a directory of their own',
  },
  data: {
    kind: "text",
    placeholder: "DIR",
    help:
      "folders mnist10k, cifar10-small, uci, shakespeare (default: tasks with files are left out)",
  },
  runs: { kind: "text", placeholder: "DIR", help: "where run directories are (default: runs)" },
  minutes: {
    kind: "integer",
    range: { min: 1, max: 1_000_000 },
    help: "no training is begun after this time (default: until all are done)",
  },
  threads: { kind: "integer", range: { min: 1, max: 64 }, help: "of the processor (default: 1)" },
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Makes the standard studies: every task with every optimizer, judged by examples that none has\n" +
  "seen. All tasks have one seed before the first has two, so that a study that is stopped can be\n" +
  "read; started again it goes on.";

async function main(args: readonly string[]): Promise<void> {
  const started = performance.now();
  const given = readArguments("studies", args, options);
  if (given.help) return console.log(helpText("studies", purpose, options));
  const { runs = "runs", minutes = Infinity, threads = 1, data } = given;
  const chosen = tasksOf(given);
  await Deno.mkdir(runs, { recursive: true });
  const backend = await createBackend({ prefer: ["wasm"], threads });
  const mayGoOn = (): boolean => performance.now() - started < 60_000 * minutes;
  const plan = planOf(given);
  try {
    for (let seeds = 1; seeds <= plan.seeds && mayGoOn(); seeds++) {
      for (const task of chosen) {
        if (!mayGoOn()) break;
        await makeStudy(task, { ...plan, seeds }, {
          ...{ backend, data, runs, mayGoOn },
          tell: (assignment, outcome) =>
            console.error(`${task.name}: ${newsOf(task.metric, assignment, outcome)}`),
        });
      }
    }
  } finally {
    backend[Symbol.dispose]();
  }
  console.log(`runs  ${runs}`);
}

function tasksOf({ only, short, data }: ArgumentValues<typeof options>): readonly StudyTask[] {
  return tasks.filter((task) =>
    (only === undefined ? !short || task.short === true : only.includes(task.name)) &&
    (task.folder === undefined || data !== undefined)
  );
}

function planOf(given: ArgumentValues<typeof options>): StudyPlan {
  const { form = "defaults", seeds = 5, seed: firstSeed = 100, trials = 12, optimizers } = given;
  return {
    ...{ form, seeds, firstSeed, trials },
    ...(optimizers === undefined ? {} : { optimizers }),
    ...(given.settings === undefined ? {} : { settings: settingsOf(given.settings) }),
  };
}

function settingsOf(text: string): Partial<OptimizerSettings> {
  const expectation = `must be JSON by the names of optimizers (${optimizerNames.join(", ")})`;
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch {
    throw new OptionError(SUBJECT, "--settings", expectation, text);
  }
  const known = typeof settings === "object" && settings !== null &&
    Object.keys(settings).every((name) => (optimizerNames as readonly string[]).includes(name));
  if (!known) throw new OptionError(SUBJECT, "--settings", expectation, text);
  return settings as Partial<OptimizerSettings>; // the optimizers check their options
}

if (import.meta.main) await run(main);
