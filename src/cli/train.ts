/**
 * `deno task train`: trains a model, shows how, and says how good it became.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { formatTable } from "../core/table.ts";
import { type Group, mpiGroup } from "../distributed/mod.ts";
import { batchCount } from "../data/batches.ts";
import { examplesIn } from "../data/dataset.ts";
import { loadState, saveState } from "../optim/checkpoint.ts";
import type { OptimizerName } from "../optim/optimizers.ts";
import { formatNumber, formatPercent, formatSeconds } from "../pages/text.ts";
import { createJob, type Job } from "../training/job.ts";
import { defaultModel, describeModel, type ModelName, recipes } from "../training/recipes.ts";
import { runReport } from "../training/report.ts";
import { train, type TrainingRecord } from "../training/mod.ts";
import { helpText, readArguments } from "./arguments.ts";
import { chartLibrary } from "./chart_library.ts";
import { readWhole, writeWhole } from "./files.ts";
import { dataRows, loadData, type LoadedData } from "./load_data.ts";
import { modelIn, readNotes, type RunNotes, writeNotes } from "./notes.ts";
import { checkOutputs } from "./own_files.ts";
import { pageTitle } from "./page_title.ts";
import { type BackendChoice, openBackend } from "./open_backend.ts";
import { progressBar } from "./progress_bar.ts";
import { processesOf, rankRows } from "./rank_rows.ts";
import { run } from "./run.ts";
import { attempt, Saving } from "./saving.ts";
import { canShowProgress } from "./terminal_bar.ts";
import { checkBelong, textModel, type TrainArguments, trainOptions } from "./train_options.ts";
import { trainTextModel } from "./train_text.ts";

const purpose =
  "Trains a model on images, or gpt on a text, and writes a page about it (report.html). --epochs and\n" +
  "--steps count from the very beginning: a run of 3 epochs that was saved goes on with --load FILE\n" +
  "--epochs 6.";

/** What a run was asked for, complete. */
interface Settings extends RunNotes {
  readonly backend: BackendChoice;
  readonly report: string;
  readonly save: string | undefined;
  readonly load: Uint8Array | undefined;
  readonly json: boolean;
}

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("train", args, trainOptions);
  if (given.help) return console.log(helpText("train", purpose, trainOptions));
  const load = given.load === undefined ? undefined : await readWhole(given.load);
  const model = given.model ?? (load && modelIn(load, given.load ?? "")) ?? defaultModel;
  checkBelong("Cannot run 'train'", given, model);
  if (model === textModel) return await trainTextModel(given, load);
  const settings = await resolve({ ...given, model }, load);
  const group = given.group === undefined ? undefined : mpiGroup();
  try {
    await trainWith(group, settings);
  } finally {
    group?.[Symbol.dispose]();
  }
}

async function trainWith(group: Group | undefined, settings: Settings): Promise<void> {
  const data = await loadData("Cannot run 'train'", settings);
  // Ranks are as many as there are cores.
  const backend = await openBackend(settings.backend, group === undefined ? "auto" : 1);
  try {
    const steps = Math.max(
      1,
      settings.epochs * batchCount(data.train, settings.batch, group?.size),
    );
    const job = createJob(backend, { ...settings, dataset: data.train, steps, group });
    try {
      await trainJob(job, settings, data, backend, group);
    } finally {
      job[Symbol.dispose]();
    }
  } finally {
    backend[Symbol.dispose]();
  }
}

async function resolve(
  given: TrainArguments & { readonly model: ModelName },
  load: Uint8Array | undefined,
): Promise<Settings> {
  const subject = "Cannot run 'train'";
  const report = given.report ?? "report.html";
  await checkOutputs(subject, { ...given, report });
  const notes = load === undefined ? undefined : readNotes(load, given.load ?? "");
  const { model } = given;
  const optimizer: OptimizerName = given.optimizer ?? notes?.optimizer ?? "tekfac";
  return {
    model,
    // A width that was saved belongs to the model that was saved.
    width: given.width ?? (model === notes?.model ? notes.width : undefined),
    optimizer,
    epochs: given.epochs ?? notes?.epochs ?? recipes[model].epochs,
    batch: given.batch ?? notes?.batch ?? recipes[model].batchSize,
    seed: given.seed ?? notes?.seed ?? 0,
    data: given.data ?? notes?.data,
    labels: given.labels ?? notes?.labels,
    limit: given.limit ?? notes?.limit,
    augment: given.augment ?? notes?.augment,
    epochsDone: notes?.epochsDone ?? 0,
    backend: given.backend ?? "auto",
    report,
    save: given.save,
    load,
    json: given.json ?? false,
  };
}

async function trainJob(
  job: Job,
  settings: Settings,
  data: LoadedData,
  backend: Backend,
  group: Group | undefined,
): Promise<void> {
  const { model, optimizer, epochsDone, json } = settings;
  // One rank speaks and writes for all.
  const silent = group !== undefined && group.rank > 0;
  const save = silent ? undefined : settings.save;
  if (settings.load !== undefined) loadState(job.optimizer, settings.load);
  const rows = settingRows(settings, data, backend);
  const processes = group === undefined ? [] : [processesOf(group)];
  const lines = [rows.map(([name, value]) => `${name} ${value}`).join(", "), ...processes];
  if (!json && !silent) console.log(lines.join("\n"));

  const bar = json || silent || !canShowProgress()
    ? undefined
    : progressBar(optimizer, settings.epochs);
  const saving = save === undefined ? undefined : new Saving(save);
  let record: TrainingRecord;
  try {
    record = await train({
      ...job,
      ...data.vary,
      data,
      epochs: settings.epochs,
      epochsDone,
      batchSize: settings.batch,
      seed: settings.seed,
      observer: {
        onStep: (progress) => bar?.onStep(progress),
        onNote: (note) => silent || console.error(note),
        onEpoch: async (epoch) => {
          bar?.onEpoch(epoch);
          const notes = writeNotes({ ...settings, epochsDone: epoch.epoch });
          await saving?.write(() => saveState(job.optimizer, notes));
        },
      },
    });
  } finally {
    bar?.[Symbol.dispose]();
  }
  await saving?.end();
  const ranks = rankRows(group, record);
  if (silent) return;

  const page = runReport({
    title: pageTitle(optimizer, data.train.source),
    record,
    settings: [...rows, ...ranks],
    spectra: await job.optimizer.spectra(),
    description: job.optimizer.describe(),
  }, chartLibrary);
  const written = await attempt(() => writeWhole(settings.report, page), "there is no page");
  if (!written) Deno.exitCode = 1;
  if (!json) console.log(summary(record, settings, ranks));
  else {
    const { trainLoss, testLoss, testAccuracy, seconds, stepMs } = record;
    const epochs = Math.max(settings.epochs, epochsDone);
    const what = { optimizer, model, backend: backend.name, epochs };
    const testLosses = record.epochs.map(({ testLoss }) => testLoss);
    const results = { trainLoss, testLoss, testAccuracy, testLosses, seconds, stepMs };
    console.log(JSON.stringify({ ...what, ...results }));
  }
}

function settingRows(
  settings: Settings,
  data: LoadedData,
  backend: Backend,
): (readonly [string, string])[] {
  return [
    ["optimizer", settings.optimizer],
    ["model", describeModel(settings.model, settings.width)],
    ["data", data.train.source],
    ["training images", examplesIn(data.train).toLocaleString("en-US")],
    ["test images", examplesIn(data.test).toLocaleString("en-US")],
    ...dataRows(data),
    ["epochs", `${settings.epochs}`],
    ["batch", `${settings.batch}`],
    ["seed", `${settings.seed}`],
    ["backend", backend.info.description],
  ];
}

function summary(
  record: TrainingRecord,
  settings: Settings,
  ranks: readonly (readonly [string, string])[],
): string {
  const table = formatTable(
    ["epoch", "loss while training", "test loss", "test accuracy", "time"],
    record.epochs.map(({ epoch, runningLoss, testLoss, testAccuracy, seconds }) => [
      `${epoch}`,
      formatNumber(runningLoss),
      formatNumber(testLoss),
      formatPercent(testAccuracy),
      formatSeconds(seconds),
    ]),
    "right",
  );
  const results: (readonly [string, string])[] = [
    ["training loss", formatNumber(record.trainLoss)],
    ["test loss", formatNumber(record.testLoss)],
    ["training time", `${formatSeconds(record.seconds)}, ${record.stepMs.toFixed(1)} ms per step`],
    ...ranks,
    ["page", settings.report],
  ];
  if (settings.save !== undefined) results.push(["saved", settings.save]);
  if (record.testAccuracy !== null) {
    results.unshift(["test accuracy", formatPercent(record.testAccuracy)]);
  }
  const width = Math.max(...results.map(([name]) => name.length));
  const lines = results.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return ["", ...(record.epochs.length === 0 ? [] : [table, ""]), ...lines].join("\n");
}

if (import.meta.main) await run(main);
