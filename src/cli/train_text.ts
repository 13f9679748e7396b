/**
 * `deno task train --model gpt`: trains a language model on the characters of a text.
 *
 * @module
 */

import { formatTable } from "../core/table.ts";
import { grammarText } from "../data/grammar_text.ts";
import { splitText, type TextSplit, vocabularyOf } from "../data/text.ts";
import { DataError } from "../core/errors.ts";
import { type Group, mpiGroup } from "../distributed/mod.ts";
import { generate } from "../nn/generate.ts";
import { loadState, saveState } from "../optim/checkpoint.ts";
import { formatNumber, formatSeconds } from "../pages/text.ts";
import { createTextJob, type TextJob } from "../training/text_job.ts";
import { textRecipe } from "../training/text_recipe.ts";
import { textReport } from "../training/text_report.ts";
import { type TextRecord, trainText } from "../training/text_trainer.ts";
import { chartLibrary } from "./chart_library.ts";
import { readWhole, writeWhole } from "./files.ts";
import { openBackend } from "./open_backend.ts";
import { checkOutputs } from "./own_files.ts";
import { pageTitle } from "./page_title.ts";
import { processesOf, rankRows } from "./rank_rows.ts";
import { attempt, Saving } from "./saving.ts";
import { readTextNotes, type TextNotes, writeTextNotes } from "./text_notes.ts";
import { textProgress } from "./text_progress.ts";
import type { TrainArguments } from "./train_options.ts";

/** Characters that the model writes at the end, and how freely. */
const SAMPLE = { count: 400, temperature: 0.8 } as const;

/** Where the results go. */
interface Outputs {
  readonly report: string;
  readonly save: string | undefined;
  readonly json: boolean;
  /** Ranks, of which one speaks and writes for all. */
  readonly group: Group | undefined;
}

/**
 * Trains, shows how, and says how good the model became and what it writes.
 *
 * @param given The arguments.
 * @param load A saved run to go on from.
 */
export async function trainTextModel(
  given: TrainArguments,
  load: Uint8Array | undefined,
): Promise<void> {
  const subject = "Cannot run 'train'";
  const { report = "report.html", save, json = false } = given;
  await checkOutputs(subject, { ...given, report });
  const saved = load && readTextNotes(load, given.load ?? "");
  const text = given.text ?? saved?.text;
  const data = await readText(text, saved?.characters);
  const notes: TextNotes = {
    layers: given.layers ?? saved?.layers ?? textRecipe.layers,
    heads: given.heads ?? saved?.heads ?? textRecipe.heads,
    width: given.width ?? saved?.width ?? textRecipe.width,
    context: given.context ?? saved?.context ?? textRecipe.context,
    batch: given.batch ?? saved?.batch ?? textRecipe.batchSize,
    steps: given.steps ?? saved?.steps ?? textRecipe.steps,
    seed: given.seed ?? saved?.seed ?? 0,
    optimizer: given.optimizer ?? saved?.optimizer ?? textRecipe.optimizer,
    ...{ text, characters: data.vocabulary.characters },
  };
  const group = given.group === undefined ? undefined : mpiGroup();
  try {
    // Ranks are as many as there are cores.
    const backend = await openBackend(given.backend ?? "auto", group === undefined ? "auto" : 1);
    try {
      const vocabulary = notes.characters.length;
      const steps = Math.max(1, notes.steps);
      const job = createTextJob(backend, { ...notes, steps, vocabulary, group });
      try {
        if (load !== undefined) loadState(job.optimizer, load);
        await runJob(job, notes, data, { report, save, json, group });
      } finally {
        job[Symbol.dispose]();
      }
    } finally {
      backend[Symbol.dispose]();
    }
  } finally {
    group?.[Symbol.dispose]();
  }
}

async function readText(
  path: string | undefined,
  characters: readonly string[] | undefined,
): Promise<TextSplit> {
  const vocabulary = characters && vocabularyOf(characters);
  const source = path ?? "sentences of a small grammar";
  const text = path === undefined ? grammarText() : decoded(await readWhole(path), path);
  return splitText(text, { source, ...(vocabulary && { vocabulary }) });
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(path, "expected text in UTF-8, received something else", { cause });
  }
}

async function runJob(
  job: TextJob,
  notes: TextNotes,
  data: TextSplit,
  { report, save: wanted, json, group }: Outputs,
): Promise<void> {
  const { optimizer, steps, seed, batch } = notes;
  const silent = group !== undefined && group.rank > 0;
  const save = silent ? undefined : wanted;
  const settings = settingRows(job, notes, data);
  const processes = group === undefined ? [] : [processesOf(group)];
  const lines = [settings.map(([name, value]) => `${name} ${value}`).join(", "), ...processes];
  if (!json && !silent) console.log(lines.join("\n"));
  const progress = json || silent ? undefined : textProgress(optimizer);
  const saving = save === undefined ? undefined : new Saving(save);
  let record: TextRecord;
  try {
    record = await trainText({
      ...job,
      ...{ data, steps, seed, batchSize: batch },
      observer: {
        onStep: (step) => progress?.onStep(step),
        onEvaluation: async (evaluation) => {
          progress?.onEvaluation(evaluation);
          await saving?.write(() => saveState(job.optimizer, writeTextNotes(notes)));
        },
      },
    });
  } finally {
    progress?.[Symbol.dispose]();
  }
  await saving?.end();
  const ranks = rankRows(group, record);
  if (silent) return;
  const sample = await sampleOf(job, data, seed);
  const title = pageTitle(optimizer, data.source);
  const description = job.optimizer.describe();
  const page = textReport(
    { title, record, settings: [...settings, ...ranks], sample, description },
    chartLibrary,
  );
  if (!await attempt(() => writeWhole(report, page), "there is no page")) Deno.exitCode = 1;
  if (!json) return console.log(summary(record, sample, { report, save }, ranks));
  const { heldOutLoss, seconds, stepMs, tokensPerSecond } = record;
  const { backend } = job.objective;
  const what = { optimizer, model: "gpt", backend: backend.name, steps };
  console.log(JSON.stringify({ ...what, heldOutLoss, seconds, stepMs, tokensPerSecond, sample }));
}

/** Begins where the text held out begins. */
async function sampleOf({ model, context }: TextJob, data: TextSplit, seed: number) {
  const prompt = data.test.slice(0, context);
  return data.vocabulary.decode(await generate(model, prompt, { ...SAMPLE, seed }));
}

function settingRows(
  { objective }: TextJob,
  notes: TextNotes,
  data: TextSplit,
): (readonly [string, string])[] {
  const { backend, parameters } = objective;
  const weights = parameters.reduce((sum, { value }) => sum + value.rows * value.cols, 0);
  const { optimizer, layers, heads, width, context, batch, steps, seed } = notes;
  const large = (count: number) => count.toLocaleString("en-US");
  return [
    ["optimizer", optimizer],
    ["model", `gpt of ${layers} layers, ${heads} heads, width ${width}, context ${context}`],
    ["weights", large(weights)],
    ["data", data.source],
    ["training characters", large(data.train.length)],
    ["held-out characters", large(data.test.length)],
    ["vocabulary", `${notes.characters.length}`],
    ["steps", `${steps}`],
    ["batch", `${batch}`],
    ["seed", `${seed}`],
    ["backend", backend.info.description],
  ];
}

function summary(
  record: TextRecord,
  sample: string,
  { report, save }: Pick<Outputs, "report" | "save">,
  ranks: readonly (readonly [string, string])[],
): string {
  const table = formatTable(
    ["step", "loss while training", "held-out loss", "time"],
    record.evaluations.map(({ step, runningLoss, heldOutLoss, seconds }) => [
      `${step}`,
      formatNumber(runningLoss),
      formatNumber(heldOutLoss),
      formatSeconds(seconds),
    ]),
    "right",
  );
  const speed = Math.round(record.tokensPerSecond).toLocaleString("en-US");
  const rows: (readonly [string, string])[] = [
    ["held-out loss", `${formatNumber(record.heldOutLoss)} nats per character`],
    ["training time", `${formatSeconds(record.seconds)}, ${record.stepMs.toFixed(1)} ms per step`],
    ["speed", `${speed} tokens per second`],
    ...ranks,
    ["page", report],
    ...(save === undefined ? [] : [["saved", save] as [string, string]]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const tables = record.evaluations.length === 0 ? [] : [table, ""];
  return ["", sample, "", ...tables, ...lines].join("\n");
}
