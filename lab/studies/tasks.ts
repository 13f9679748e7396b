/**
 * The standard tasks: another one is another row.
 *
 * @module
 */

import { DataError } from "@tekfac/tekfac/core";
import { parseCsv } from "@tekfac/tekfac/csv";
import {
  type DatasetSplit,
  examplesIn,
  normalized,
  readDirectory,
  splitText,
  standardized,
  subset,
  table,
} from "@tekfac/tekfac/data";
import {
  autoencoder,
  averagePool2d,
  cnn,
  conv2d,
  dense,
  flatten,
  heNormal,
  type LayerSpec,
  mlp,
  relu,
  resnet20,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
  tanh,
  vgg16,
} from "@tekfac/tekfac/nn";
import { fingerprint } from "../fingerprint.ts";
import { imbalanced, mislabelled } from "./altered.ts";
import { heteroscedastic, imbalancedClasses, rareCluster, teacher } from "./families.ts";
import {
  type DataFolder,
  type ExampleTask,
  type OpenTask,
  type StudyTask,
  type Workbench,
  workloadOf,
} from "./task.ts";
import { textWorkload } from "./text_task.ts";

/** A task of examples; `split` reads or draws what all runs share. */
function examples(
  row: Omit<StudyTask, "open"> & Omit<ExampleTask, "data">,
  split: (folder: string) => Promise<(seed: number) => DatasetSplit>,
): StudyTask {
  return {
    ...row,
    async open(bench: Workbench): Promise<OpenTask> {
      const data = await split(folderOf(bench, row.folder));
      const { train, test } = data(0);
      return {
        workload: workloadOf(row, { ...row, data }, bench),
        examples: { train: examplesIn(train), test: examplesIn(test) },
        fingerprint: `${fingerprint(train)} ${fingerprint(test)}`,
      };
    },
  };
}

function folderOf({ data }: Workbench, folder: DataFolder | undefined): string {
  if (folder === undefined) return "";
  if (data !== undefined) return `${data}/${folder}`;
  throw new DataError(folder, "expected --data DIR, a directory with such a folder");
}

const always = (split: DatasetSplit): (seed: number) => DatasetSplit => () => split;

/** Images of a folder, perhaps made harder. */
async function images(
  folder: string,
  alter: (split: DatasetSplit) => DatasetSplit = (split) => split,
): Promise<(seed: number) => DatasetSplit> {
  const { format, train, test } = await readDirectory(folder);
  const split = alter({ train, test });
  return always(format === "idx" ? split : normalized(split));
}

/** One of the table's standard splits, by the seed. */
async function uci(folder: string, name: string): Promise<(seed: number) => DatasetSplit> {
  const source = `${folder}/${name}.csv`;
  const all = table({ ...parseCsv(await text(source), { targets: "y", source }), source });
  const splits = JSON.parse(await text(`${folder}/${name}.splits.json`)) as {
    testRows: number[][];
  };
  return (seed) => {
    const test = splits.testRows[seed % splits.testRows.length];
    const held = new Set(test);
    const train = Array.from({ length: examplesIn(all) }, (_, i) => i).filter((i) => !held.has(i));
    return standardized({ train: subset(all, train), test: subset(all, test) });
  };
}

async function text(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new DataError(file, "expected a file of text", { cause });
  }
}

/** Three 3 x 3 convolutions for images of 32 x 32: strides 2, 2, 1, channels 32, 64, 64; a mean over 2 x 2. */
function smallConvolutions(): LayerSpec[] {
  const convolution = (channels: number, stride: number): LayerSpec[] => [
    conv2d(channels, { kernel: 3, padding: 1, stride, init: heNormal }),
    relu(),
  ];
  return [
    ...[...convolution(32, 2), ...convolution(64, 2), ...convolution(64, 1)],
    ...[averagePool2d({ kernel: 2 }), flatten(), dense(10)],
  ];
}

/** So many layers of 16 units and an output, each with ReLU or tanh. */
function deep(depth: number, activation: "relu" | "tanh"): LayerSpec[] {
  const hidden = (): LayerSpec[] =>
    activation === "relu" ? [dense(16, { init: heNormal }), relu()] : [dense(16), tanh()];
  return [...Array.from({ length: depth - 1 }, hidden).flat(), dense(1)];
}

/** A task on digits. */
const digits = (
  name: string,
  title: string,
  rest: Pick<StudyTask, "metric" | "epochs" | "short" | "unequal"> & Partial<ExampleTask>,
  alter?: (split: DatasetSplit) => DatasetSplit,
): StudyTask =>
  examples({
    ...{ name: `mnist-${name}`, title: `MNIST t10k, ${title}`, folder: "mnist10k", batch: 128 },
    ...{ loss: softmaxCrossEntropy, layers: () => mlp(), ...rest },
  }, (folder) => images(folder, alter));

/** A task on photographs, of which the edges are cut and some are mirrored. */
const pictures = (
  name: string,
  title: string,
  rest: Pick<StudyTask, "metric" | "epochs" | "unequal"> & Partial<ExampleTask>,
  alter?: (split: DatasetSplit) => DatasetSplit,
): StudyTask =>
  examples({
    ...{ name: `cifar-${name}`, title: `CIFAR-10 of 10,000, ${title}`, folder: "cifar10-small" },
    ...{ batch: 128, loss: softmaxCrossEntropy, augment: { padding: 4, flip: true } },
    ...{ layers: smallConvolutions, ...rest },
  }, (folder) => images(folder, alter));

/** A table with one hidden layer of 50 units. */
const regression = (name: string, epochs: number, short = false): StudyTask =>
  examples({
    ...{
      name: `uci-${name}`,
      title: `UCI ${name}, 50 hidden units`,
      folder: "uci",
      metric: "rmse",
    },
    ...{ batch: 32, epochs, short, loss: squaredError },
    layers: () => [dense(50), relu(), dense(1)],
  }, (folder) => uci(folder, name));

/** A smooth function that a deep network without shortcuts learns. */
const plain = (depth: number, activation: "relu" | "tanh"): StudyTask =>
  examples({
    ...{ name: `deep-${activation}-${depth}`, metric: "loss", batch: 128, epochs: 12, short: true },
    ...{ title: `${depth} plain layers of 16 units (${activation})`, loss: squaredError },
    layers: () => deep(depth, activation),
  }, () => Promise.resolve(always(teacher())));

/** A task of docs/WHEN.md. */
const family = (
  name: string,
  title: string,
  draw: () => DatasetSplit,
  rest: Partial<StudyTask & ExampleTask> = {},
): StudyTask =>
  examples({
    ...{ name, title, metric: "loss", batch: 100, epochs: 10, short: true, unequal: true },
    ...{ loss: softmaxCrossEntropy, layers: () => [dense(20), relu(), dense(10)], ...rest },
  }, () => Promise.resolve(always(draw())));

/** Every task, in the order of the document. */
export const tasks: readonly StudyTask[] = [
  digits("mlp", "MLP 784-256-128-10", { metric: "error", epochs: 8, short: true }),
  digits("cnn", "two convolutions", { metric: "error", epochs: 5, layers: () => cnn() }),
  digits("autoencoder", "autoencoder", {
    ...{ metric: "loss", epochs: 10, loss: sigmoidCrossEntropy, targets: "inputs" },
    layers: () => autoencoder(),
  }),
  digits(
    "imbalanced",
    "MLP, classes as k^-1.5",
    { metric: "balancedError", epochs: 20, short: true, unequal: true },
    imbalanced,
  ),
  digits(
    "mislabelled",
    "MLP, 20 % wrong labels",
    { metric: "error", epochs: 8 },
    (split) => mislabelled(split, 0.2),
  ),
  pictures("cnn", "three convolutions", { metric: "error", epochs: 8 }),
  pictures(
    "imbalanced",
    "three convolutions, classes as k^-1.5",
    { metric: "balancedError", epochs: 20, unequal: true },
    imbalanced,
  ),
  pictures(
    "mislabelled",
    "three convolutions, 20 % wrong labels",
    { metric: "error", epochs: 8 },
    (split) => mislabelled(split, 0.2),
  ),
  ...[8, 16].map((width) =>
    pictures(`resnet20-${width}`, `ResNet20 of width ${width}`, {
      ...{ metric: "error", epochs: 15, layers: () => resnet20({ width }) },
    })
  ),
  pictures("vgg16-16", "VGG16 at a quarter of its width", {
    ...{ metric: "error", epochs: 15, layers: () => vgg16({ width: 16 }) },
  }),
  regression("concrete", 40, true),
  regression("energy", 40, true),
  regression("yacht", 40, true),
  regression("wine-quality-red", 20, true),
  regression("kin8nm", 20),
  regression("power-plant", 10),
  plain(20, "relu"),
  plain(40, "relu"),
  plain(20, "tanh"),
  {
    ...{ name: "characters", title: "Shakespeare by characters, gpt of 4 x 128", metric: "loss" },
    ...{ folder: "shakespeare", epochs: 10, batch: 12 },
    async open(bench) {
      const source = `${folderOf(bench, "shakespeare")}/input.txt`;
      const data = splitText(await text(source), { source });
      const { train, test, vocabulary } = data;
      return {
        workload: textWorkload({ data, sizes: {}, batch: 12, stepsPerEpoch: 200 }, bench),
        examples: { train: train.length, test: test.length },
        fingerprint: `${train.length} ${test.length} ${vocabulary.characters.length}`,
      };
    },
  },
  family("imbalanced", "drawn classes of frequency k^-1.5", imbalancedClasses),
  family("rare-cluster", "a rare cluster of hard classes", rareCluster, {
    metric: "balancedError",
  }),
  family("heteroscedastic", "labels that are random in one direction", heteroscedastic),
];
