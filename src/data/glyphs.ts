/**
 * A data set that needs no download: digits drawn by program.
 *
 * @module
 */

import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { createDataset, type DatasetSplit, type ImageDataset } from "./dataset.ts";
import { render, type Warp } from "./glyph_rendering.ts";
import { skeletons } from "./glyph_skeletons.ts";

/** Options of {@linkcode glyphs}. */
export interface GlyphsOptions {
  /** Number of images to learn from, >= 1. @default {10000} */
  readonly train?: number;
  /** Number of images held back, >= 1. @default {2000} */
  readonly test?: number;
  /** Equal seeds give equal images. @default {0} */
  readonly seed?: number;
}

const SIZE = 28;
/** Height and width of an undistorted digit, in pixels. */
const BODY = 19;
/** Waves of the elastic distortion. */
const WAVES = 3;

/**
 * Draws a data set of 28 x 28 grey digits.
 *
 * Each image takes one of several skeletons of its digit through a random affine map (rotation,
 * shear, two scales, shift) and a smooth random displacement, draws it with a pen of random thickness
 * and sharpness, and adds noise. A linear classifier stays under 93 % on the images held back, a small
 * convolutional network passes 98.5 %.
 *
 * Image i depends on the seed and on i alone: a larger training set begins with the smaller one, and
 * the images held back do not depend on the number to learn from.
 *
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example Digits to learn from and digits to be judged by
 * ```ts
 * import assert from "node:assert/strict";
 * import { glyphs } from "@tekfac/tekfac/data";
 *
 * const { train, test } = glyphs({ train: 20, test: 10, seed: 1 });
 * assert.deepEqual(train.shape, [28, 28, 1]);
 * assert.equal(test.labels.length, 10);
 * ```
 */
export function glyphs(options: GlyphsOptions = {}): DatasetSplit<ImageDataset> {
  const subject = "Cannot draw glyphs";
  checkKnownKeys(subject, options, ["train", "test", "seed"]);
  const count = { min: 1, max: 1_000_000, integer: true };
  const train = checkNumber(subject, "train", options.train ?? 10_000, count);
  const test = checkNumber(subject, "test", options.test ?? 2_000, count);
  const seed = checkNumber(subject, "seed", options.seed ?? 0, { integer: true });
  const seeds = new Random(seed);
  return { train: draw(train, seeds.fork()), test: draw(test, seeds.fork()) };
}

function draw(count: number, seeds: Random): ImageDataset {
  const images = new Float32Array(count * SIZE * SIZE);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const random = seeds.fork();
    labels[i] = random.integer(skeletons.length);
    drawDigit(images.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE), labels[i], random);
  }
  return createDataset({ images, labels, shape: [SIZE, SIZE, 1], classes: 10, source: "glyphs" });
}

function drawDigit(image: Float32Array, digit: number, random: Random): void {
  const ways = skeletons[digit];
  const skeleton = ways[random.integer(ways.length)];
  const softness = random.uniform(0.8, 1.6);
  render(image, SIZE, skeleton, handwriting(random), {
    radius: random.uniform(0.7, 1.8),
    softness,
  });
  const contrast = random.uniform(0.7, 1);
  const noise = random.uniform(0, 0.1);
  for (let i = 0; i < image.length; i++) {
    const value = contrast * image[i] + noise * random.normal();
    image[i] = value <= 0 ? 0 : value >= 1 ? 1 : value;
  }
}

/**
 * A random hand: `pixel = centre + shift + A (p + d(p) - 1/2)` with an affine A and a displacement d
 * that is a sum of a few plane waves, longer than a third of the digit.
 */
function handwriting(random: Random): Warp {
  const angle = random.normal(0, 0.12);
  const shear = random.normal(0, 0.2);
  const width = BODY * random.uniform(0.64, 1.04);
  const height = BODY * random.uniform(0.8, 1.06);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  // Rotation * shear * scales.
  const xx = cos * width, xy = (cos * shear - sin) * height;
  const yx = sin * width, yy = (sin * shear + cos) * height;
  const shiftX = (SIZE - 1) / 2 + random.normal(0, 1.2);
  const shiftY = (SIZE - 1) / 2 + random.normal(0, 1.2);
  const waves = Float64Array.from({ length: 5 * WAVES }, (_, i) => {
    if (i % 5 < 2) return random.uniform(-9, 9); // wave vector, radians per unit
    return i % 5 === 2 ? random.uniform(0, 2 * Math.PI) : random.normal(0, 0.03);
  });
  return (point) => {
    let x = point[0] - 0.5;
    let y = point[1] - 0.5;
    for (let i = 0, px = x, py = y; i < waves.length; i += 5) {
      const wave = Math.sin(waves[i] * px + waves[i + 1] * py + waves[i + 2]);
      x += wave * waves[i + 3];
      y += wave * waves[i + 4];
    }
    point[0] = shiftX + xx * x + xy * y;
    point[1] = shiftY + yx * x + yy * y;
  };
}
