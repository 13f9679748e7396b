/**
 * A directory of pictures as a data set: one folder for each class.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";
import { createDataset, type DatasetSplit, type ImageDataset } from "../data/dataset.ts";
import { directoryNames, fileNames, pathOf, readFile } from "../data/files.ts";
import { labelsOf } from "../data/labels.ts";
import { splitDataset } from "../data/split.ts";
import { decodePicture, type Picture } from "./picture.ts";

const PICTURE = /\.(png|jpe?g)$/i;
/** Seed and share of the split where nothing is held back: the same for everyone, to compare results. */
const SPLIT = { testShare: 0.2, seed: 0 };

/** Pictures of one part, in the order of their classes and names. */
interface Pictures {
  readonly pictures: readonly Picture[];
  readonly labels: readonly number[];
}

/**
 * Reads pictures, PNG or JPEG, all of one size: `DIR/CLASS/*` of all classes, of which one fifth is held
 * back by a fixed permutation, or `DIR/train/CLASS/*` and `DIR/test/CLASS/*`. Classes are numbered in the
 * order of the alphabet. Pictures that are grey throughout have one channel.
 *
 * @returns `undefined` where there are no folders with pictures.
 * @throws {DataError} When a picture is damaged or of another size, or the parts have other classes.
 */
export async function readImageDirectory(
  directory: string,
): Promise<DatasetSplit<ImageDataset> | undefined> {
  const folders = await directoryNames(directory);
  if (folders.includes("train") && folders.includes("test")) {
    const places = [pathOf(directory, "train"), pathOf(directory, "test")];
    const [classes, others] = await Promise.all(places.map(classFolders));
    if (classes.length > 0 && others.length > 0) {
      if (classes.join() !== others.join()) {
        const problem = `expected the classes of '${places[0]}' (${listed(classes)}), received`;
        throw new DataError(places[1], `${problem} ${listed(others)}`);
      }
      const train = await readPictures(places[0], classes, undefined);
      const test = await readPictures(places[1], classes, train.pictures[0]);
      const channels = isGrey([...train.pictures, ...test.pictures]) ? 1 : 3;
      const made = (part: Pictures) => datasetOf(directory, part, classes.length, channels);
      return { train: made(train), test: made(test) };
    }
  }
  const classes = await classFolders(directory);
  if (classes.length === 0) return undefined;
  const all = await readPictures(directory, classes, undefined);
  return splitDataset(
    datasetOf(directory, all, classes.length, isGrey(all.pictures) ? 1 : 3),
    SPLIT,
  );
}

/** Names of the folders that hold pictures. */
async function classFolders(directory: string): Promise<string[]> {
  const classes: string[] = [];
  for (const name of await directoryNames(directory)) {
    if ((await pictureNames(pathOf(directory, name))).length > 0) classes.push(name);
  }
  return classes;
}

async function pictureNames(folder: string): Promise<string[]> {
  return [...await fileNames(folder, "pictures")].filter((name) => PICTURE.test(name)).sort();
}

async function readPictures(
  directory: string,
  classes: readonly string[],
  like: Picture | undefined,
): Promise<Pictures> {
  const pictures: Picture[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    const folder = pathOf(directory, name);
    for (const file of await pictureNames(folder)) {
      const { name: path, bytes } = await readFile(folder, file);
      const picture = await decodePicture(path, bytes);
      const first = like ?? pictures[0] ?? picture;
      if (picture.height !== first.height || picture.width !== first.width) {
        throw new DataError(
          path,
          `expected a picture of ${first.height} x ${first.width} pixels like the others, received ` +
            `${picture.height} x ${picture.width}`,
        );
      }
      pictures.push(picture);
      labels.push(label);
    }
  }
  return { pictures, labels };
}

function datasetOf(
  source: string,
  { pictures, labels }: Pictures,
  classes: number,
  channels: number,
): ImageDataset {
  const { height, width } = pictures[0];
  const size = height * width * channels;
  const images = new Uint8Array(pictures.length * size);
  for (const [n, { colours }] of pictures.entries()) {
    if (channels === 3) images.set(colours, n * size);
    else for (let i = 0; i < size; i++) images[n * size + i] = colours[3 * i];
  }
  return createDataset({
    ...{ images, labels: labelsOf(labels, classes), classes, source },
    shape: [height, width, channels],
  });
}

function isGrey(pictures: readonly Picture[]): boolean {
  return pictures.every(({ colours }) => {
    for (let i = 0; i < colours.length; i += 3) {
      if (colours[i] !== colours[i + 1] || colours[i] !== colours[i + 2]) return false;
    }
    return true;
  });
}

function listed(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")}, ...` : names.join(", ");
}
