/**
 * Standard normalization: every colour with mean 0 and deviation 1 over the examples to learn from.
 *
 * @module
 */

import { createDataset, type Dataset, type DatasetSplit } from "./dataset.ts";
import type { Normalization } from "./normalization.ts";

/** Deviations below this are rounding: the channel is constant. */
const CONSTANT = 1e-9;

/**
 * Mean and standard deviation of each channel's brightness over all pixels of all images. A channel that
 * is constant gets a deviation of 1.
 *
 * @example Mean and standard deviation of a gray channel
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import { channelMoments, glyphs, normalized } from "@tekfac/tekfac/data";
 *
 * const data = glyphs({ train: 50, test: 10, seed: 1 });
 * const moments = channelMoments(data.train);
 * assert(moments.mean[0] > 0 && moments.mean[0] < 1);
 * assert.deepEqual(normalized(data).test.normalization, moments);
 * ```
 */
export function channelMoments({ images, shape }: Dataset): Normalization {
  const channels = shape[2];
  const unit = images instanceof Uint8Array ? 255 : 1;
  const count = images.length / channels;
  const mean = new Array<number>(channels).fill(0);
  const square = new Array<number>(channels).fill(0);
  for (let i = 0, c = 0; i < images.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    mean[c] += images[i];
  }
  for (let c = 0; c < channels; c++) mean[c] /= count;
  for (let i = 0, c = 0; i < images.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    square[c] += (images[i] - mean[c]) ** 2;
  }
  const deviation = square.map((sum) => Math.sqrt(sum / count) / unit);
  return {
    mean: mean.map((value) => value / unit),
    deviation: deviation.map((value) => value < CONSTANT ? 1 : value),
  };
}

/**
 * The same data, from which batches give inputs `(brightness - mean) / deviation`. Nothing is copied: the
 * images stay what they are, and targets that are images stay brightness in [0, 1].
 *
 * @param data Both parts.
 * @param by Means and deviations. @default {those of the part to learn from}
 * @throws {DataError} When there is not one finite mean and one deviation > 0 per channel.
 *
 * @example Digits with mean 0 and deviation 1
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, glyphs, normalized } from "@tekfac/tekfac/data";
 *
 * const { train } = normalized(glyphs({ train: 50, test: 10 }));
 * const [{ inputs }] = batches(train, { size: 50 });
 * const mean = inputs.reduce((sum, value) => sum + value, 0) / inputs.length;
 * assert(Math.abs(mean) < 1e-5);
 * ```
 */
export function normalized(data: DatasetSplit, by?: Normalization): DatasetSplit {
  const normalization = by ?? channelMoments(data.train);
  const { train, test } = data;
  return {
    train: createDataset({ ...train, normalization }),
    test: createDataset({ ...test, normalization }),
  };
}
