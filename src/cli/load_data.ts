/**
 * The data of a command.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import type { Augmentation } from "../data/augmentation.ts";
import { Random } from "../core/random.ts";
import { type DatasetSplit, examplesIn, type ImageDataset } from "../data/dataset.ts";
import { type DataFormat, readDirectory } from "../data/directory.ts";
import { glyphs } from "../data/glyphs.ts";
import { normalized } from "../data/normalized.ts";
import { subset } from "../data/split.ts";
import { readImageDirectory } from "./image_directory.ts";

/** Seed of the permutation whose first images a limit leaves: the same for everyone. */
const LIMIT_SEED = 0;

/** Ways to vary the images that are learned from. */
export const augmentations = ["none", "crop", "crop-flip"] as const;

/** One of the {@linkcode augmentations}. */
export type AugmentationName = (typeof augmentations)[number];

const AUGMENTATIONS: Readonly<Record<AugmentationName, Augmentation | undefined>> = {
  "none": undefined,
  "crop": { padding: 4 },
  "crop-flip": { padding: 4, flip: true },
};

/** What is usual for each format: whether colours are normalized, and how images are varied. */
const USUAL: Readonly<
  Record<DataFormat | "pictures", { normalize: boolean; augment: AugmentationName }>
> = {
  idx: { normalize: false, augment: "none" },
  cifar10: { normalize: true, augment: "crop-flip" },
  cifar100: { normalize: true, augment: "crop-flip" },
  svhn: { normalize: true, augment: "none" }, // a mirrored digit is no digit
  pictures: { normalize: true, augment: "none" },
};

/** Which data a command was asked for. */
export interface DataChoice {
  /** Directory of files; `undefined` for drawn digits. */
  readonly data: string | undefined;
  /** Which of CIFAR-100's labels count. */
  readonly labels: "fine" | "coarse" | undefined;
  /** How many images are learned from; `undefined` for all. */
  readonly limit: number | undefined;
  /** How the images are varied; `undefined` for what is usual. */
  readonly augment: AugmentationName | undefined;
}

/** Data, and how they are learned from. */
export interface LoadedData extends DatasetSplit<ImageDataset> {
  /** The name of the augmentation, for settings. */
  readonly augmentation: AugmentationName;
  /** The same for the training loop; nothing where images are not varied. */
  readonly vary: { readonly augment?: Augmentation };
}

/**
 * Reads a directory, or draws digits; the same ones in every run, so that results can be compared. CIFAR,
 * SVHN and pictures are normalized by the moments of the part to learn from. A limit takes images by a fixed
 * permutation: a smaller limit takes some of those of a larger one.
 *
 * @param subject What was being done, for messages.
 */
export async function loadData(subject: string, choice: DataChoice): Promise<LoadedData> {
  const { data: directory, labels, limit, augment } = choice;
  if (directory === undefined) {
    if (labels !== undefined) {
      const expectation = "is a choice for CIFAR-100 only, and needs --data DIR";
      throw new OptionError(subject, "--labels", expectation, labels);
    }
    return { ...limited(glyphs(), limit), ...varied(augment ?? "none") };
  }
  const pictures = labels === undefined ? await readImageDirectory(directory) : undefined;
  const { format, ...whole } = pictures === undefined
    ? await readDirectory(directory, labels && { labels })
    : { format: "pictures" as const, ...pictures };
  const data = limited(whole, limit);
  const usual = USUAL[format];
  return { ...(usual.normalize ? normalized(data) : data), ...varied(augment ?? usual.augment) };
}

function limited(
  { train, test }: DatasetSplit<ImageDataset>,
  limit: number | undefined,
): DatasetSplit<ImageDataset> {
  const count = examplesIn(train);
  if (limit === undefined || limit >= count) return { train, test };
  const order = new Random(LIMIT_SEED).permutation(count);
  return { train: subset(train, order.subarray(0, limit)), test };
}

function varied(name: AugmentationName): Pick<LoadedData, "augmentation" | "vary"> {
  const augment = AUGMENTATIONS[name];
  return { augmentation: name, vary: augment === undefined ? {} : { augment } };
}

/** What is done to the images, as rows of a table of settings; none where nothing is. */
export function dataRows(data: LoadedData): (readonly [string, string])[] {
  const { train: { normalization }, augmentation } = data;
  const list = (values: readonly number[]) => values.map((value) => value.toFixed(4)).join(" ");
  return [
    ...(normalization === undefined ? [] : [
      [
        "normalization",
        `mean ${list(normalization.mean)} deviation ${list(normalization.deviation)}`,
      ] as const,
    ]),
    ...(augmentation === "none" ? [] : [["augmentation", augmentation] as const]),
  ];
}
