/**
 * `deno task compare`: several optimizers on equal terms, on one page.
 *
 * @module
 */

import { formatTable } from "../core/table.ts";
import { createBackend } from "../backend/mod.ts";
import type { Backend } from "../backend/backend.ts";
import { batchCount } from "../data/batches.ts";
import { type DatasetSplit, examplesIn } from "../data/dataset.ts";
import { compareReport, comparisonHead, comparisonRows } from "../training/compare_report.ts";
import { compare, type Contestant } from "../training/comparison.ts";
import { createJob } from "../training/job.ts";
import {
  defaultModel,
  type ModelName,
  type OptimizerName,
  optimizerNames,
  recipes,
} from "../training/recipes.ts";
import { train, type TrainingRecord } from "../training/trainer.ts";
import { helpText, readArguments } from "./arguments.ts";
import { chartLibrary } from "./chart_library.ts";
import { checkWritable, writeWhole } from "./files.ts";
import { loadData } from "./load_data.ts";
import { sharedOptions } from "./options.ts";
import { canShowProgress, progressBar } from "./progress_bar.ts";
import { run } from "./run.ts";

const options = {
  optimizers: {
    kind: "choices",
    choices: optimizerNames,
    help: `which ones, separated by commas (default: ${optimizerNames.join(",")})`,
  },
  seeds: {
    kind: "integer",
    range: { min: 1, max: 1000 },
    help: "runs of each, with seeds from --seed on (default: 3)",
  },
  ...sharedOptions,
} as const;

const purpose =
  "Trains a model with several optimizers, each from the same initial weights and with " +
  "the same\nbatches, and writes a page that compares them by epoch and by time (compare.html).";

/** What a comparison was asked for, complete. */
interface Settings {
  readonly optimizers: readonly OptimizerName[];
  readonly seeds: readonly number[];
  readonly model: ModelName;
  readonly epochs: number;
  readonly batch: number;
  readonly progress: boolean;
}

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("compare", args, options);
  if (given.help) return console.log(helpText("compare", purpose, options));
  const { model = defaultModel, report = "compare.html", seed: first = 0 } = given;
  await checkWritable("Cannot run 'compare'", "--report", report);
  const settings: Settings = {
    optimizers: [...new Set(given.optimizers ?? optimizerNames)],
    seeds: Array.from({ length: given.seeds ?? 3 }, (_, i) => first + i),
    model,
    epochs: given.epochs ?? recipes[model].epochs,
    batch: given.batch ?? recipes[model].batchSize,
    progress: !given.json && canShowProgress(),
  };
  const data = await loadData(given.data);
  const prefer = given.backend ?? "auto";
  const backend = await createBackend({
    threads: "auto",
    ...(prefer === "auto" ? {} : { prefer: [prefer] }),
  });
  try {
    const descriptions = new Map<string, string>();
    const contestants = await compare(
      settings.optimizers,
      settings.seeds,
      ({ name, seed }) => trainOne(backend, data, settings, name, seed, descriptions),
    );
    const page = compareReport({
      title: `Optimizers on ${data.train.source}`,
      contestants,
      settings: settingRows(settings, data, backend),
      descriptions: [...descriptions.values()],
    }, chartLibrary);
    await writeWhole(report, page);
    console.log(
      given.json
        ? JSON.stringify(jsonOf(contestants, settings, backend))
        : `${formatTable(comparisonHead, comparisonRows(contestants), "right")}\n\npage  ${report}`,
    );
  } finally {
    backend[Symbol.dispose]();
  }
}

async function trainOne(
  backend: Backend,
  data: DatasetSplit,
  settings: Settings,
  optimizer: OptimizerName,
  seed: number,
  descriptions: Map<string, string>,
): Promise<TrainingRecord> {
  const { model, epochs, batch } = settings;
  const steps = Math.max(1, epochs * batchCount(data.train, batch));
  const job = createJob(backend, { model, optimizer, dataset: data.train, steps, seed });
  const bar = settings.progress ? progressBar(`${optimizer}, seed ${seed}`, epochs) : undefined;
  try {
    descriptions.set(optimizer, job.optimizer.describe());
    const observer = bar === undefined ? {} : { observer: bar };
    return await train({ ...job, data, epochs, batchSize: batch, seed, ...observer });
  } finally {
    bar?.[Symbol.dispose]();
    job[Symbol.dispose]();
  }
}

function settingRows(
  settings: Settings,
  data: DatasetSplit,
  backend: Backend,
): (readonly [string, string])[] {
  return [
    ["model", settings.model],
    ["data", data.train.source],
    ["training images", examplesIn(data.train).toLocaleString("en-US")],
    ["test images", examplesIn(data.test).toLocaleString("en-US")],
    ["epochs", `${settings.epochs}`],
    ["batch", `${settings.batch}`],
    ["seeds", settings.seeds.join(", ")],
    ["backend", backend.info.description],
  ];
}

function jsonOf(contestants: readonly Contestant[], settings: Settings, backend: Backend): unknown {
  const { model, epochs, batch, seeds } = settings;
  return {
    ...{ model, backend: backend.name, epochs, batch, seeds },
    optimizers: contestants.map(({ name, runs, failures }) => ({
      optimizer: name,
      runs: runs.map(({ trainLoss, testLoss, testAccuracy, seconds, stepMs }) => ({
        ...{ trainLoss, testLoss, testAccuracy, seconds, stepMs },
      })),
      failures,
    })),
  };
}

if (import.meta.main) await run(main);
