/**
 * How soon TEKFAC is where AdamW ends: `deno task bench:target [--only TEXT] [--quick] [--seeds A,B] [--table]
 * [--journal FILE] [--save] [--json] [--threads N] [--data DIR]`.
 *
 * AdamW is run with four rates and two sizes of batches; what the run that ends lowest on validation data ends with
 * on test data is the target. Then that setting of AdamW and TEKFAC at its defaults run in turns, each along cosines
 * of a third, half, two thirds and all of the epochs, and the quickest of each side that reaches the target counts.
 * Values are looked at after each epoch; looking takes no time that counts.
 *
 * What is measured is written to a journal at once, and not measured again: the bench can be run in parts.
 *
 * @module
 */

import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { readTargetArguments, type TargetArguments } from "./target/arguments.ts";
import { Journal } from "./target/journal.ts";
import { type Arrival, race } from "./target/race.ts";
import { type Found, FULL, QUICK, searchAdamw } from "./target/search.ts";
import type { TargetTask } from "./target/task.ts";
import { targetTable } from "./target/table.ts";
import { TASKS } from "./target/tasks.ts";
import { hasFolder } from "./zoo/data_folder.ts";
import { Lab } from "./zoo/lab.ts";
import { short } from "./zoo/verdict.ts";

/** What became of a task. */
interface Outcome {
  readonly row: Row;
  readonly scatter: number;
}

async function runTask(lab: Lab, task: TargetTask, quick: boolean, seed: number): Promise<Outcome> {
  const problem = await task.open(lab);
  const epochs = quick ? Math.ceil(task.epochs / 3) : task.epochs;
  const space = quick ? QUICK : FULL;
  const target = searchAdamw(lab, task, problem, space, { epochs, seed }, (found) => {
    const values = `${short(found.validation)} on validation, ${short(found.value)} on test data`;
    remark(`${task.name}: ${nameOf(found)}, ${epochs} epochs: ${values}`);
  });
  const { rival, own, scatter } = race(lab, task, problem, target);
  for (const arrival of [...rival.runs, ...own.runs]) {
    remark(`${task.name}: ${progressOf(arrival)}`);
  }
  return { row: { ...rowOf(task, target, rival.best, own.best), seed }, scatter };
}

function nameOf({ settings: { contender, batch } }: Found): string {
  return `${contender.name}, batch ${batch}`;
}

function progressOf({ settings, mark, lowest }: Arrival): string {
  const start = `${settings.contender.name} along ${settings.epochs} epochs`;
  return mark === undefined
    ? `${start} comes down to ${short(lowest)}`
    : `${start} arrives after ${mark.epoch}, ${mark.steps} steps, ${mark.seconds.toFixed(1)} s`;
}

function rowOf(task: TargetTask, target: Found, rival: Arrival, own: Arrival): Row {
  const ratio = (key: "steps" | "seconds"): number | null =>
    own.mark && rival.mark ? rounded(rival.mark[key] / own.mark[key]) : null;
  return {
    task: task.name,
    metric: task.metric,
    target: rounded(target.value),
    adam: nameOf(target),
    adamSchedule: rival.settings.epochs,
    adamEpochs: rival.mark?.epoch ?? null,
    adamSteps: rival.mark?.steps ?? null,
    adamSeconds: rival.mark ? rounded(rival.mark.seconds) : null,
    tekfacSchedule: own.settings.epochs,
    tekfacEpochs: own.mark?.epoch ?? null,
    tekfacSteps: own.mark?.steps ?? null,
    tekfacSeconds: own.mark ? rounded(own.mark.seconds) : null,
    tekfacLowest: rounded(own.lowest),
    stepsRatio: ratio("steps"),
    secondsRatio: ratio("seconds"),
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Makes what is still to be measured of the tasks that are wanted. */
async function measure(settings: TargetArguments, journal: Journal): Promise<void> {
  const { data, threads, quick, seeds } = settings;
  using lab = await Lab.open(data, threads);
  remark(lab.backend.info.description);
  for (const task of TASKS.filter(({ name }) => isWanted(name, settings.only))) {
    if (!await hasFolder(data, task.needs)) {
      remark(`${task.name}: skipped, no data in ${data}/${task.needs}`);
      continue;
    }
    for (const seed of seeds) {
      const key = { task: task.name, seed, quick };
      if (journal.find(key) !== undefined) continue;
      const watch = new ContentionWatch();
      const { row, scatter } = await runTask(lab, task, quick, seed);
      const date = new Date().toISOString().slice(0, 10);
      await journal.add({ ...key, date, contended: watch.complaint(scatter) ?? null, row });
    }
  }
}

async function main(): Promise<void> {
  const settings = readTargetArguments(Deno.args);
  const { json, save, quick, seeds, only } = settings;
  const machine = thisMachine();
  remark(`${machine.name}; ${machine.runtime}`);
  const journal = await Journal.open(settings.journal);
  if (!settings.table) await measure(settings, journal);
  const entries = journal.entries.filter((entry) =>
    entry.quick === quick && isWanted(entry.task, only) &&
    (settings.table || seeds.includes(entry.seed))
  );
  const rows = entries.map(({ row }) => row);
  if (json) rows.forEach(printJson);
  else if (rows.length > 0) console.log(targetTable(rows));
  const complaints = entries.flatMap(({ contended, task, seed }) =>
    contended === null ? [] : [`${task}, seed ${seed}: ${contended}`]
  );
  if (complaints.length > 0) remark(`\n${complaints.join("\n")}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const contended = complaints.length > 0 ? complaints.join("; ") : null;
    const run = { bench: quick ? "target, quick" : "target", date, contended, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
