/**
 * `deno task uncertainty`: whether probabilities and intervals keep their word, plainly and with Laplace's
 * approximation.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import { parseCsv } from "@tekfac/tekfac/csv";
import {
  createDataset,
  examplesIn,
  glyphs,
  type ImageDataset,
  splitDataset,
  table,
} from "@tekfac/tekfac/data";
import { cnn, mlp } from "@tekfac/tekfac/nn";
import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, loadData, openBackend, readArguments, run } from "../../src/cli/mod.ts";
import { studyImages, type Verdict } from "../uncertainty/images.ts";
import { type IntervalOutcome, PROMISES, studyIntervals } from "../uncertainty/tables.ts";

const integer = (min: number, help: string) =>
  ({ kind: "integer", range: { min, max: 1_000_000 }, help }) as const;

const options = {
  data: { kind: "text", placeholder: "DIR", help: "directory of images (default: drawn digits)" },
  outside: {
    kind: "text",
    placeholder: "DIR",
    help: "images of another kind, made grey and cut out",
  },
  table: { kind: "text", placeholder: "FILE", help: "CSV with a column y, in the place of images" },
  model: { kind: "choice", choices: ["mlp", "cnn"], help: "of images (default: mlp)" },
  limit: integer(10, "images that are learned from (default: all)"),
  epochs: integer(1, "passes over the examples (default: 5, of tables 100)"),
  seeds: integer(1, "trainings, of tables with another split each (default: 5)"),
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Trains, and judges how sure the model is: calibration error, likelihood and how it tells images of\n" +
  "another kind apart, or, with --table, how many targets lie inside of intervals. Plainly, with a\n" +
  "temperature, and with Laplace's approximation of the last and of all layers.";

/** Share of the images to learn from that chooses temperatures and precisions. */
const VALIDATION = 0.1;

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("uncertainty", args, options);
  if (given.help) return console.log(helpText("uncertainty", purpose, options));
  const { seeds = 5 } = given;
  const backend = await openBackend("auto");
  try {
    if (given.table !== undefined) {
      const file = given.table;
      const text = await Deno.readTextFile(file).catch((cause) => {
        throw new DataError(file, "expected a file of CSV", { cause });
      });
      const data = table({ ...parseCsv(text, { targets: "y", source: file }), source: file });
      const runs: IntervalOutcome[][] = [];
      for (let seed = 0; seed < seeds; seed++) {
        runs.push(await studyIntervals(backend, data, { epochs: given.epochs ?? 100, seed }));
      }
      return console.log(intervalTable(runs));
    }
    const choice = { labels: undefined, limit: given.limit, augment: undefined };
    const { train, test } = await loadData("Cannot run 'uncertainty'", {
      ...choice,
      data: given.data,
    });
    const outside: Record<string, ImageDataset> = {};
    if (given.data !== undefined && train.shape.join() === "28,28,1") {
      outside["drawn digits"] = glyphs({ train: 1, test: 1000 }).test;
    }
    if (given.outside !== undefined) {
      const other = await loadData("Cannot run 'uncertainty'", { ...choice, data: given.outside });
      outside["others"] = cutOut(other.test, train.shape);
    }
    const runs: Verdict[][] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const parts = splitDataset(train, { testShare: VALIDATION, seed });
      const layers = given.model === "cnn" ? cnn() : mlp({ hidden: [128] });
      const { epochs = 5 } = given;
      runs.push(
        await studyImages(backend, {
          ...{ train: parts.train, validation: parts.test, test, outside, layers, epochs, seed },
        }),
      );
    }
    console.log(`${examplesIn(train)} images, ${seeds} seeds\n\n${imageTable(runs)}`);
  } finally {
    backend[Symbol.dispose]();
  }
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

/** The middle of each image, grey, in another shape. */
function cutOut(data: ImageDataset, shape: ImageDataset["shape"]): ImageDataset {
  const [height, width] = shape;
  const [h, w, channels] = data.shape;
  if (h < height || w < width || shape[2] !== 1) {
    throw new DataError(
      data.source,
      `expected images of at least ${height} x ${width}, and grey ones to learn from`,
    );
  }
  const [top, left] = [(h - height) >> 1, (w - width) >> 1];
  const count = examplesIn(data);
  const scale = data.images instanceof Uint8Array ? 255 : 1;
  const images = Float32Array.from({ length: count * height * width }, (_, at) => {
    const [n, y, x] = [
      Math.floor(at / (height * width)),
      Math.floor(at / width) % height,
      at % width,
    ];
    const from = ((n * h + top + y) * w + left + x) * channels;
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data.images[from + c];
    return sum / (scale * channels);
  });
  const { labels, classes, source } = data;
  return createDataset({ images, labels, classes, source, shape });
}

if (import.meta.main) await run(main);
