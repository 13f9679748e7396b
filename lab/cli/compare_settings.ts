/**
 * What a comparison is asked for, and what identifies it.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { OptionError } from "@tekfac/tekfac/core";
import { defaultModel, type ModelName, optimizerNames, recipes } from "@tekfac/tekfac/training";
import {
  type ArgumentValues,
  type AugmentationName,
  type BackendChoice,
  canShowProgress,
  type LoadedData,
  sharedOptions,
} from "../../src/cli/mod.ts";
import { fingerprint } from "../fingerprint.ts";
import type { HeldOutMetric } from "../held_out.ts";
import type { LaboratoryPlan } from "../laboratory.ts";
import { searchKeys, searchSpaces } from "../search_space.ts";
import type { Configuration } from "../run_directory.ts";

/** Most seeds of a comparison; seeds of searches lie beyond. */
const MOST_SEEDS = 1000;

/** On data that the recipes are not made for, where nobody asks for another. */
const SHORT_SEARCH = { trials: 4, keys: ["learningRate", "adamRate"] } as const;

/** The options of `deno task compare`. */
export const options = {
  optimizers: {
    kind: "choices",
    choices: optimizerNames,
    help: `which ones, separated by commas (default: ${optimizerNames.join(",")})`,
  },
  seeds: {
    kind: "integer",
    range: { min: 1, max: MOST_SEEDS },
    help: "runs of each, with seeds from --seed on (default: 3)",
  },
  search: {
    kind: "integer",
    range: { min: 0, max: 10_000 },
    help: "trials of each to find settings first, with a seed of their own (default: " +
      `none on drawn digits, which the recipes are for, else ${SHORT_SEARCH.trials} of the learning rate)`,
  },
  "search-keys": {
    kind: "choices",
    choices: searchKeys,
    help: "what a search varies, separated by commas (default: all)",
  },
  "equal-time": {
    kind: "flag",
    help: "runs slower optimizers once more, for the epochs that fit into the quickest one's time",
  },
  run: {
    kind: "text",
    placeholder: "DIR",
    help: "directory that keeps what is done, so that the same command goes on after a stop",
  },
  minutes: {
    kind: "integer",
    range: { min: 1, max: 1_000_000 },
    help: "no training is started after this time (default: until all are done)",
  },
  table: {
    kind: "text",
    placeholder: "FILE",
    help: "a table (CSV) in place of images: 64-64 hidden units, TEKFAC's defaults against 3 rates",
  },
  target: {
    kind: "text",
    placeholder: "NAME",
    help: "with --table, the column of numbers to predict",
  },
  splits: {
    kind: "integer",
    range: { min: 1, max: 1000 },
    help: "with --table, how many (default: those of FILE.splits.json, else 5 random ones)",
  },
  ...sharedOptions,
} as const;

/** What the command does, for its help. */
export const purpose =
  "Trains a model with several optimizers, each from the same initial weights and with " +
  "the same\nbatches, and writes a page that compares them by epoch and by time (compare.html), and " +
  "the\nsame as JSON (compare.json). With --search, each one's settings are those with the lowest\n" +
  "training loss of an equal number of random trials.";

/** What a comparison was asked for, complete. */
export interface CompareSettings {
  /** Optimizers, seeds, search. */
  readonly plan: LaboratoryPlan;
  readonly model: ModelName;
  /** `undefined` for the recipe's. */
  readonly width: number | undefined;
  readonly epochs: number;
  readonly batch: number;
  /** What runs and trials are judged by. */
  readonly metric: HeldOutMetric;
  /** The first of the seeds. */
  readonly seed: number;
  readonly data: string | undefined;
  readonly labels: "fine" | "coarse" | undefined;
  readonly limit: number | undefined;
  readonly augment: AugmentationName | undefined;
  readonly backend: BackendChoice;
  readonly run: string | undefined;
  /** Infinity without a limit. */
  readonly minutes: number;
  readonly report: string;
  readonly summary: string;
  readonly json: boolean;
  /** Whether somebody watches a terminal. */
  readonly progress: boolean;
}

/**
 * Completes the options.
 *
 * @throws {OptionError} When they contradict each other.
 */
export function resolveCompare(given: ArgumentValues<typeof options>): CompareSettings {
  const { model = defaultModel, seed = 0, run } = given;
  const isShort = given.search === undefined && given.data !== undefined;
  const search = isShort ? SHORT_SEARCH.trials : given.search ?? 0;
  const keys = given["search-keys"] ?? (isShort ? SHORT_SEARCH.keys : undefined);
  if (keys !== undefined && search === 0) {
    const expectation = "needs --search N, the number of trials";
    throw new OptionError("Cannot run 'compare'", "--search-keys", expectation, keys.join(","));
  }
  const report = given.report ?? `${run === undefined ? "" : `${run}/`}compare.html`;
  return {
    plan: {
      optimizers: [...new Set(given.optimizers ?? optimizerNames)],
      seeds: Array.from({ length: given.seeds ?? 3 }, (_, i) => seed + i),
      epochs: given.epochs ?? recipes[model].epochs,
      equalTime: given["equal-time"] ?? false,
      ...(search === 0 ? {} : {
        search: {
          trials: search,
          seed: seed + MOST_SEEDS,
          ...(keys === undefined
            ? {}
            : { keys: searchKeys.filter((key) => (keys as readonly string[]).includes(key)) }),
        },
      }),
    },
    model,
    width: given.width,
    epochs: given.epochs ?? recipes[model].epochs,
    batch: given.batch ?? recipes[model].batchSize,
    metric: model === "autoencoder" ? "loss" : "error",
    seed,
    data: given.data,
    labels: given.labels,
    limit: given.limit,
    augment: given.augment,
    backend: given.backend ?? "auto",
    run,
    minutes: given.minutes ?? Infinity,
    report,
    summary: `${report.replace(/\.html$/, "")}.json`,
    json: given.json ?? false,
    progress: !given.json && canShowProgress(),
  };
}

/** The command that does the same on any machine; directories are not named. */
export function commandOf(settings: CompareSettings): string {
  const { plan, model, width, epochs, batch, seed, data, labels, limit, augment } = settings;
  const { optimizers, seeds, search, equalTime } = plan;
  return [
    `deno task compare --model ${model}`,
    ...(width === undefined ? [] : [`--width ${width}`]),
    `--optimizers ${optimizers.join(",")}`,
    `--epochs ${epochs} --batch ${batch} --seeds ${seeds.length} --seed ${seed}`,
    ...(search === undefined
      ? (data === undefined ? [] : ["--search 0"])
      : [`--search ${search.trials}`]),
    ...(search?.keys === undefined ? [] : [`--search-keys ${search.keys.join(",")}`]),
    ...(equalTime ? ["--equal-time"] : []),
    ...(data === undefined ? [] : ["--data DIR"]),
    ...(labels === undefined ? [] : [`--labels ${labels}`]),
    ...(limit === undefined ? [] : [`--limit ${limit}`]),
    ...(augment === undefined ? [] : [`--augment ${augment}`]),
  ].join(" ");
}

/**
 * Everything that decides what comes out. The number of seeds and runs of equal time are not part of it:
 * a directory can be given more of them later.
 */
export function configurationOf(
  { plan: { optimizers, search }, model, width, epochs, batch, seed }: CompareSettings,
  { train, test, augmentation }: LoadedData,
  backend: Backend,
  machine: string,
): Configuration {
  return {
    format: 2,
    ...{ model, optimizers, epochs, batch, seed },
    ...(width === undefined ? {} : { width }),
    search: search?.trials ?? 0,
    searchKeys: search?.keys ?? "all",
    data: [fingerprint(train), fingerprint(test)],
    ...(augmentation === "none" ? {} : { augmentation }),
    backend: backend.info.description,
    machine,
    settings: optimizers.map((name) => recipes[model].settings[name]),
    spaces: search === undefined ? [] : optimizers.map((name) => searchSpaces[name]),
  };
}
