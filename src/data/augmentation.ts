/**
 * Random crops and mirror images, so that a model rarely meets the same numbers twice.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import type { Random } from "../core/random.ts";
import type { Dataset, ImageDataset } from "./dataset.ts";
import type { NumberWriter } from "./number_writer.ts";

/** How images are varied while they are learned from. The usual choice for CIFAR is both, with 4. */
export interface Augmentation {
  /**
   * Random crop: images get a black border of so many pixels, and a window of their old size is cut out
   * anywhere. An integer >= 0, less than the images' height and width. @default {0}
   */
  readonly padding?: number;
  /** Random flip: every other image, by chance, is mirrored left to right. @default {false} */
  readonly flip?: boolean;
}

/** What happens to one image. */
export interface Variation {
  /** How far down the window has moved, in pixels. */
  readonly down: number;
  /** How far to the right. */
  readonly right: number;
  /** Whether it is mirrored. */
  readonly mirrored: boolean;
}

/**
 * Checks an augmentation and completes it.
 *
 * @throws {OptionError} When an option is unknown or out of range, or the data are no images.
 */
export function resolveAugmentation(
  subject: string,
  augmentation: Augmentation,
  { shape }: Dataset,
): Required<Augmentation> {
  if (shape.length === 1) {
    const expectation = `is for images, and examples have the shape [${shape.join(", ")}]`;
    throw new OptionError(subject, "augment", expectation, augmentation);
  }
  const [height, width] = shape;
  checkKnownKeys(subject, augmentation, ["padding", "flip"], "augment.");
  const { padding = 0, flip = false } = augmentation;
  const range = { min: 0, max: Math.min(height, width) - 1, integer: true };
  return { padding: checkNumber(subject, "augment.padding", padding, range), flip };
}

/** Draws what happens to the next image. */
export function drawVariation(
  random: Random,
  { padding, flip }: Required<Augmentation>,
): Variation {
  const shift = () => random.integer(2 * padding + 1) - padding;
  return { down: shift(), right: shift(), mirrored: flip && random.integer(2) === 1 };
}

/** Writes the image that begins at `from` of the data set, varied, into `out` from `at` on. */
export function writeVaried(
  writer: NumberWriter,
  out: Float32Array,
  at: number,
  from: number,
  [height, width, channels]: ImageDataset["shape"],
  { down, right, mirrored }: Variation,
): void {
  const row = width * channels;
  // The columns of the window that lie on the image.
  const first = Math.max(0, -right);
  const end = Math.min(width, width - right);
  for (let y = 0; y < height; y++) {
    const place = at + y * row;
    const source = from + (y + down) * row;
    const inside = y + down >= 0 && y + down < height;
    if (inside) {
      const column = (first + right) * channels;
      const count = (end - first) * channels;
      writer.write(out, place + first * channels, source + column, source + column + count);
    }
    fillBlack(out, place, place + (inside ? first : width) * channels, writer.black);
    if (inside) fillBlack(out, place + end * channels, place + row, writer.black);
    if (mirrored) mirror(out, place, width, channels);
  }
}

function fillBlack(out: Float32Array, from: number, to: number, black: Float32Array): void {
  for (let i = from; i < to; i += black.length) out.set(black, i);
}

/** Reverses the order of a row's pixels. */
function mirror(out: Float32Array, at: number, width: number, channels: number): void {
  for (let x = 0; x < width >> 1; x++) {
    const left = at + x * channels;
    const right = at + (width - 1 - x) * channels;
    for (let c = 0; c < channels; c++) {
      const kept = out[left + c];
      out[left + c] = out[right + c];
      out[right + c] = kept;
    }
  }
}
