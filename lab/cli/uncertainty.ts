/**
 * `deno task uncertainty`: whether probabilities and intervals keep their word, plainly and with Laplace's
 * approximation.
 *
 * @module
 */

import {
  examplesIn,
  glyphs,
  type ImageDataset,
  splitDataset,
  subset,
  type Table,
} from "@tekfac/tekfac/data";
import type { Backend } from "@tekfac/tekfac/backend";
import { cnn, mlp } from "@tekfac/tekfac/nn";
import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, openBackend, readArguments, run } from "../../src/cli/mod.ts";
import { drawnClothes } from "../uncertainty/clothes.ts";
import { studyImages, type Verdict } from "../uncertainty/images.ts";
import { fitted } from "../uncertainty/outside.ts";
import { type IntervalOutcome, PROMISES, studyIntervals } from "../uncertainty/tables.ts";
import {
  imagesArgument,
  integer,
  limitArgument,
  readImages,
  readTable,
  tableArgument,
} from "./study_arguments.ts";

const options = {
  data: imagesArgument,
  outside: {
    kind: "text",
    placeholder: "DIR",
    help: "images of another kind, beside drawn digits and clothes",
  },
  table: tableArgument,
  model: { kind: "choice", choices: ["mlp", "cnn"], help: "of images (default: mlp)" },
  limit: limitArgument,
  judged: integer(10, "images of each kind that are judged, at most (default: all)"),
  epochs: integer(1, "passes over the examples (default: 5, of tables 100)"),
  seeds: integer(1, "trainings, of tables with another split each (default: 5)"),
  seed: integer(0, "the first one (default: 0)"),
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Trains, and judges how sure the model is: calibration error, likelihood and how it tells images of\n" +
  "another kind apart, or, with --table, how many targets lie inside of intervals. Plainly, with a\n" +
  "temperature, and with Laplace's approximation of the last and of all layers.";

/** Share of the images to learn from that chooses temperatures and precisions. */
const VALIDATION = 0.1;

/** Drawn images of another kind, in each data set. */
const OUTSIDE = 1000;

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("uncertainty", args, options);
  if (given.help) return console.log(helpText("uncertainty", purpose, options));
  const backend = await openBackend("auto");
  try {
    console.log(
      given.table === undefined
        ? await onImages(backend, given)
        : await onTable(backend, await readTable(given.table), given),
    );
  } finally {
    backend[Symbol.dispose]();
  }
}

type Given = ReturnType<typeof readArguments<typeof options>>;

async function onTable(
  backend: Backend,
  data: Table,
  { seeds = 5, seed: first = 0, epochs = 100 }: Given,
): Promise<string> {
  const runs: IntervalOutcome[][] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    runs.push(await studyIntervals(backend, data, { epochs, seed }));
  }
  return intervalTable(runs);
}

async function onImages(backend: Backend, given: Given): Promise<string> {
  const { seeds = 5, seed: begin = 0, epochs = 5 } = given;
  const { train, test: tests } = await readImages("uncertainty", given);
  const first = (data: ImageDataset): ImageDataset => {
    const count = Math.min(examplesIn(data), given.judged ?? Infinity);
    return subset(data, Array.from({ length: count }, (_, i) => i));
  };
  const test = first(tests);
  const others: Record<string, ImageDataset> = {
    "drawn clothes": drawnClothes({ count: OUTSIDE, seed: 1 }),
  };
  if (given.data !== undefined) others["drawn digits"] = glyphs({ train: 1, test: OUTSIDE }).test;
  if (given.outside !== undefined) {
    others["others"] = (await readImages("uncertainty", { data: given.outside })).test;
  }
  const outside = Object.fromEntries(
    Object.entries(others).map(([name, data]) => [name, fitted(first(data), train)]),
  );
  const runs: Verdict[][] = [];
  for (let seed = begin; seed < begin + seeds; seed++) {
    const parts = splitDataset(train, { testShare: VALIDATION, seed });
    const layers = given.model === "cnn" ? cnn() : mlp({ hidden: [128] });
    runs.push(
      await studyImages(backend, {
        ...{ train: parts.train, validation: parts.test, test, outside, layers, epochs, seed },
      }),
    );
  }
  return `${examplesIn(train)} images, ${seeds} seeds\n\n${imageTable(runs)}`;
}

/** Mean and deviation over the runs. */
function spread(values: readonly number[], digits: number): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(square / Math.max(1, values.length - 1));
  return `${mean.toFixed(digits)} (${deviation.toFixed(digits)})`;
}

function imageTable(runs: readonly (readonly Verdict[])[]): string {
  const names = Object.keys(runs[0][0].areas);
  const head = ["", "accuracy", "NLL", "ECE", ...names.map((name) => `AUROC, ${name}`)];
  const rows = runs[0].map(({ way }, i) => {
    const column = (of: (verdict: Verdict) => number) => spread(runs.map((run) => of(run[i])), 4);
    return [
      way,
      column(({ accuracy }) => accuracy),
      column(({ loss }) => loss),
      column(({ calibrationError }) => calibrationError),
      ...names.map((name) => column(({ areas }) => areas[name])),
    ];
  });
  return formatTable(head, rows);
}

function intervalTable(runs: readonly (readonly IntervalOutcome[])[]): string {
  const head = ["", "RMSE / sd", "NLL", ...PROMISES.map(([share]) => `inside ${100 * share} %`)];
  const rows = runs[0].map(({ way }, i) => {
    const column = (of: (outcome: IntervalOutcome) => number) =>
      spread(runs.map((run) => of(run[i])), 3);
    return [
      way,
      column(({ error }) => error),
      column(({ loss }) => loss),
      ...PROMISES.map((_, p) => column(({ coverage }) => coverage[p])),
    ];
  });
  return formatTable(head, rows);
}

if (import.meta.main) await run(main);
