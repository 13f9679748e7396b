/**
 * The tasks, cheapest first within images and tables.
 *
 * @module
 */

import {
  type Augmentation,
  autoencoder,
  batches,
  cnn,
  type Dataset,
  type DatasetSplit,
  examplesIn,
  mlp,
  type ModelObjective,
  normalized,
  resnet20,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac";
import { splitDataset } from "@tekfac/tekfac/data";
import { countOf, type Examples, shuffled } from "../zoo/examples.ts";
import { plainLayers } from "../zoo/fit.ts";
import { smallConvolutions } from "../zoo/networks.ts";
import { splitTable } from "../zoo/table_file.ts";
import type { Problem, TargetTask } from "./task.ts";

/** Share of the images to learn from that settings are chosen by. */
const VALIDATED = { testShare: 1 / 10, seed: 1 };

/** Images with labels, or images that are their own targets. */
function pictures(
  data: DatasetSplit,
  targets: "labels" | "inputs",
  augment?: Augmentation,
): Problem {
  const { train, test: validated } = splitDataset(data.train, VALIDATED);
  const judge = (images: Dataset) => (goal: ModelObjective): number => {
    const { loss, accuracy } = goal.evaluateSync(batches(images, { size: 500, targets }));
    return accuracy === null ? loss : 1 - accuracy;
  };
  return {
    input: train.shape,
    loss: targets === "labels" ? softmaxCrossEntropy() : sigmoidCrossEntropy(),
    examples: examplesIn(train),
    batches: (size, seed, epoch) =>
      batches(train, {
        ...{ size, targets, shuffle: { seed, epoch } },
        ...(augment === undefined ? {} : { augment }),
      }),
    validation: judge(validated),
    heldOut: judge(data.test),
  };
}

const digits = { needs: "mnist10k", batch: 128, epochs: 10 } as const;

const photos = {
  needs: "cifar10-small",
  metric: "error",
  batch: 128,
  open: async (lab) => {
    const data = normalized(await lab.images("cifar10-small"));
    return pictures(data, "labels", { padding: 4, flip: true });
  },
} satisfies Partial<TargetTask>;

/** A table. */
function table(name: string, epochs: number): TargetTask {
  return {
    name: `UCI ${name}`,
    needs: "uci",
    metric: "RMSE",
    epochs,
    batch: 128,
    layers: () => plainLayers([64, 64], 1, "relu", "he"),
    open: async (lab) => {
      const { train, validation, test, deviation } = splitTable(await lab.table(name), 0);
      const judge = (part: Examples) => (goal: ModelObjective): number =>
        deviation * Math.sqrt(2 * goal.evaluateSync(part).loss);
      return {
        input: [train.features],
        loss: squaredError(),
        examples: countOf(train),
        batches: (size, seed, epoch) => shuffled(train, size, seed, epoch),
        validation: judge(validation),
        heldOut: judge(test),
      };
    },
  };
}

/** All tasks. */
export const TASKS: readonly TargetTask[] = [
  table("concrete", 60),
  table("kin8nm", 30),
  {
    ...digits,
    name: "MNIST MLP 784-128-10",
    metric: "error",
    layers: () => mlp({ hidden: [128] }),
    open: async (lab) => pictures(await lab.images("mnist10k"), "labels"),
  },
  {
    ...digits,
    name: "MNIST CNN",
    metric: "error",
    layers: () => cnn(),
    open: async (lab) => pictures(await lab.images("mnist10k"), "labels"),
  },
  {
    ...digits,
    name: "MNIST autoencoder",
    metric: "loss",
    layers: () => autoencoder(),
    open: async (lab) => pictures(await lab.images("mnist10k"), "inputs"),
  },
  {
    ...photos,
    name: "CIFAR-10 convolutions",
    epochs: 10,
    layers: () => smallConvolutions(),
  },
  {
    ...photos,
    name: "CIFAR-10 ResNet20 of width 8",
    epochs: 8,
    layers: () => resnet20({ width: 8 }),
  },
];
