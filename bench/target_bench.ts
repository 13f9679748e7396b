/**
 * How soon TEKFAC is where AdamW ends: `deno task bench:target [--only TEXT] [--quick] [--save] [--json]
 * [--seed N] [--threads N] [--data DIR]`.
 *
 * AdamW is run with four rates and two sizes of batches; the run that ends with the lowest held-out value
 * sets the target. Then it runs again, in turns with TEKFAC at its defaults along cosines of a third, half,
 * two thirds and all of AdamW's epochs, and the quickest of these that reaches the target counts. Values
 * are looked at after each epoch; looking takes no time that counts.
 *
 * @module
 */

import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { formatTable, threeDigits } from "./table.ts";
import { readTargetArguments, type TargetArguments } from "./target/arguments.ts";
import { type Arrival, race } from "./target/race.ts";
import { type Found, FULL, QUICK, searchAdamw } from "./target/search.ts";
import type { TargetTask } from "./target/task.ts";
import { TASKS } from "./target/tasks.ts";
import { hasFolder } from "./zoo/data_folder.ts";
import { Lab } from "./zoo/lab.ts";
import { short } from "./zoo/verdict.ts";

/** What became of a task. */
interface Outcome {
  readonly row: Row;
  readonly scatter: number;
}

async function runTask(lab: Lab, task: TargetTask, settings: TargetArguments): Promise<Outcome> {
  const problem = await task.open(lab);
  const epochs = settings.quick ? Math.ceil(task.epochs / 3) : task.epochs;
  const { seed } = settings;
  const space = settings.quick ? QUICK : FULL;
  const target = searchAdamw(lab, task, problem, space, { epochs, seed }, (found) => {
    remark(`${task.name}: ${nameOf(found)}, ${epochs} epochs: ${short(found.value)}`);
  });
  const { rival, own, best, scatter } = race(lab, task, problem, target);
  for (const arrival of own) remark(`${task.name}: ${progressOf(arrival)}`);
  return { row: rowOf(task, target, rival, best), scatter };
}

function nameOf({ settings: { contender, batch } }: Found): string {
  return `${contender.name}, batch ${batch}`;
}

function progressOf({ settings, mark, lowest }: Arrival): string {
  const start = `tekfac along ${settings.epochs} epochs`;
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

function printTable(rows: readonly Row[]): void {
  const cell = (value: Row[string]): string =>
    value === null ? "-" : typeof value === "number" ? threeDigits(value) : value;
  const count = (value: Row[string]): string => String(value ?? "-");
  const head = ["task", "target", "AdamW", "steps", "s", "TEKFAC", "steps", "s", "fewer", "faster"];
  console.log(formatTable(
    head,
    rows.map((row) => [
      String(row.task),
      `${row.metric} ${short(Number(row.target))}`,
      String(row.adam),
      ...[count(row.adamSteps), cell(row.adamSeconds)],
      row.tekfacSteps === null
        ? `only ${short(Number(row.tekfacLowest))}`
        : `${row.tekfacEpochs} of ${row.tekfacSchedule} epochs`,
      ...[count(row.tekfacSteps), cell(row.tekfacSeconds)],
      ...[cell(row.stepsRatio), cell(row.secondsRatio)],
    ]),
  ));
}

async function main(): Promise<void> {
  const settings = readTargetArguments(Deno.args);
  const { json, save, data, threads } = settings;
  const machine = thisMachine();
  const watch = new ContentionWatch();
  using lab = await Lab.open(data, threads);
  const { description } = lab.backend.info;
  remark(`${machine.name}; ${machine.runtime}; ${description}`);
  const rows: Row[] = [];
  let scatter = 1;
  for (const task of TASKS.filter(({ name }) => isWanted(name, settings.only))) {
    if (!await hasFolder(data, task.needs)) {
      remark(`${task.name}: skipped, no data in ${data}/${task.needs}`);
      continue;
    }
    const outcome = await runTask(lab, task, settings);
    scatter = Math.max(scatter, outcome.scatter);
    rows.push(outcome.row);
    if (json) printJson(outcome.row);
  }
  if (!json && rows.length > 0) printTable(rows);
  const contended = watch.complaint(scatter);
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const bench = settings.quick ? "target, quick" : "target";
    const run = { bench, date, backend: description, contended: contended ?? null, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
