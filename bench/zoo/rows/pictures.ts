/**
 * Real images: what is judged is how well unseen ones are read after a few epochs.
 *
 * @module
 */

import {
  autoencoder,
  cnn,
  mlp,
  normalized,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "@tekfac/tekfac";
import { ADAMS, type Contender } from "../contenders.ts";
import { smallConvolutions } from "../networks.ts";
import { fitPictures, type PictureFit } from "../picture_fit.ts";
import type { DataFolder, Runs, ZooRow } from "../row.ts";
import {
  bestOf,
  combined,
  type Finding,
  improves,
  judgeBy,
  nearBest,
  short,
  survives,
} from "../verdict.ts";

type Problem = Omit<PictureFit, "data" | "seed" | "targets">;

/** A row about a folder of images. */
interface PictureRow extends Pick<ZooRow, "name" | "seeds" | "judge"> {
  readonly needs: DataFolder;
  readonly quantity: string;
  readonly targets: "labels" | "inputs";
  /** Sizes of AdamW's batches, if not only the contender's. */
  readonly rivalBatches?: readonly number[];
  readonly problem: () => Problem;
}

/** Errors of so many test images scatter by a standard error, which nobody is blamed for. */
function nearBestError(images: number): ZooRow["judge"] {
  return judgeBy("mean", survives, improves, (own: Runs, rivals: readonly Runs[]): Finding => {
    const best = bestOf(rivals, "mean");
    if (best === undefined) return "unknown";
    const { value } = best;
    const slack = Math.sqrt(value * (1 - value) / (images * own.runs.length));
    const error = combined(own, "mean");
    return error <= value + slack ? undefined : {
      fault: `above the best rival's ${short(value)} + ${short(slack)}`,
    };
  });
}

function pictures(row: PictureRow): ZooRow {
  const { rivalBatches, problem, targets, ...rest } = row;
  const rivals = rivalBatches === undefined
    ? ADAMS
    : rivalBatches.flatMap((batch) =>
      ADAMS.map((adam): Contender => ({ ...adam, name: `${adam.name} b${batch}`, batch }))
    );
  return {
    ...rest,
    size: "usual",
    rivals: () => rivals,
    measure: async (lab, contender, seed) => {
      const stored = await lab.images(row.needs);
      const fitted = problem();
      const { heldOut, trace } = fitPictures(lab, contender, {
        ...fitted,
        data: row.needs === "cifar10-small" ? normalized(stored) : stored,
        targets,
        batch: contender.batch ?? fitted.batch,
        seed,
      });
      return { value: heldOut, traces: [trace] };
    },
  };
}

const digits = {
  needs: "mnist10k",
  quantity: "test error",
  targets: "labels",
  seeds: 2,
  judge: nearBestError(2000),
} as const;

/** Rows about images. */
export const pictureRows: readonly ZooRow[] = [
  pictures({
    ...digits,
    name: "MNIST MLP 784-128-10, batch 128",
    problem: () => ({
      layers: mlp({ hidden: [128] }),
      loss: softmaxCrossEntropy(),
      batch: 128,
      epochs: 2,
    }),
  }),
  pictures({
    ...digits,
    name: "MNIST CNN, batch 128",
    problem: () => ({ layers: cnn(), loss: softmaxCrossEntropy(), batch: 128, epochs: 2 }),
  }),
  pictures({
    ...digits,
    name: "MNIST autoencoder, batch 250",
    seeds: 1,
    quantity: "test loss",
    targets: "inputs",
    judge: judgeBy("mean", survives, improves, nearBest(0.03)),
    problem: () => ({ layers: autoencoder(), loss: sigmoidCrossEntropy(), batch: 250, epochs: 2 }),
  }),
  pictures({
    name: "CIFAR-10 convolutions, batch 128",
    needs: "cifar10-small",
    seeds: 1,
    quantity: "test error",
    targets: "labels",
    judge: nearBestError(5000),
    rivalBatches: [32, 128],
    problem: () => ({
      ...{ layers: smallConvolutions(), loss: softmaxCrossEntropy(), batch: 128, epochs: 3 },
      augment: { padding: 4, flip: true },
    }),
  }),
];
