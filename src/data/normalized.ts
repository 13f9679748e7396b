/**
 * Standard normalization: every colour or column with mean 0 and deviation 1 over the examples to learn
 * from.
 *
 * @module
 */

import { channelsOf, type Dataset, type DatasetSplit, targetSize } from "./dataset.ts";
import { widthOf } from "./columns.ts";
import type { Table } from "./table.ts";
import { checkNormalization, type Normalization } from "./normalization.ts";

/**
 * Mean and standard deviation of each channel's brightness over all pixels of all images, or of each column
 * of a table. Missing numbers, NaN, do not count. A channel that is constant gets a deviation of 1.
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
export function channelMoments(dataset: Pick<Dataset, "inputs" | "shape">): Normalization {
  return moments(
    dataset.inputs,
    channelsOf(dataset),
    dataset.inputs instanceof Uint8Array ? 255 : 1,
  );
}

/** Mean and deviation of every `channels`-th number, in units of `unit`. */
function moments(numbers: ArrayLike<number>, channels: number, unit: number): Normalization {
  const count = new Array<number>(channels).fill(0);
  const mean = new Array<number>(channels).fill(0);
  const square = new Array<number>(channels).fill(0);
  const largest = new Array<number>(channels).fill(0);
  // Two passes: the square of the mean would drown a small deviation from a large one.
  for (let i = 0, c = 0; i < numbers.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    if (Number.isNaN(numbers[i])) continue;
    count[c]++;
    mean[c] += numbers[i];
    largest[c] = Math.max(largest[c], Math.abs(numbers[i]));
  }
  for (let c = 0; c < channels; c++) mean[c] /= Math.max(1, count[c]);
  for (let i = 0, c = 0; i < numbers.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    if (!Number.isNaN(numbers[i])) square[c] += (numbers[i] - mean[c]) ** 2;
  }
  const deviation = square.map((sum, c) => Math.sqrt(sum / Math.max(1, count[c])));
  return {
    mean: mean.map((value) => value / unit),
    // The mean of equal numbers is rounded at each of its additions: so small a deviation is none.
    deviation: deviation.map((value, c) =>
      value <= count[c] * Number.EPSILON * largest[c] ? 1 : value / unit
    ),
  };
}

/**
 * The same data, from which batches give inputs `(number - mean) / deviation`. Nothing is copied: the
 * inputs stay what they are, and targets that are images stay brightness in [0, 1].
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
export function normalized<D extends Dataset>(
  { train, test }: DatasetSplit<D>,
  by?: Normalization,
): DatasetSplit<D> {
  const inputs = by ?? channelMoments(train);
  return { train: standardizedBy(train, { inputs }), test: standardizedBy(test, { inputs }) };
}

/** How a data set is standardized. Plain numbers: keep it with the model, as JSON. */
export interface Standardization {
  /** Of the inputs, per channel or column. */
  readonly inputs: Normalization;
  /** Of targets that are numbers, one per number of an example. */
  readonly targets?: Normalization;
}

/** Both parts, standardized, and how. */
export interface StandardizedSplit<D extends Dataset = Dataset> extends DatasetSplit<D> {
  /** What was fitted to the part to learn from. */
  readonly standardization: Standardization;
}

/**
 * The same data, from which batches give inputs, and targets that are numbers, with mean 0 and deviation 1
 * over the part to learn from; the other part is never looked at. Nothing is copied. Missing numbers become
 * the mean; a table's columns that are places in a list of categories stay what they are. A model's outputs are brought back by `denormalizeNumbers(outputs, standardization.targets)`.
 *
 * @throws {DataError} When a mean or a deviation is not finite.
 *
 * @example Fitted to what is learned from, kept as JSON
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, denormalizeNumbers, standardized, standardizedBy, table } from "@tekfac/tekfac/data";
 *
 * const train = table({ inputs: [[1, 100], [3, 300]], targets: [10, 30] });
 * const test = table({ inputs: [[2, 400]], targets: [20] });
 * const data = standardized({ train, test });
 * const [batch] = batches(data.test, { size: 1 });
 * assert.deepEqual([...batch.inputs, ...batch.targets], [0, 2, 0]);
 *
 * const kept = JSON.parse(JSON.stringify(data.standardization));
 * assert.deepEqual(standardizedBy(test, kept), data.test);
 * assert.deepEqual([...denormalizeNumbers([1], kept.targets)], [30]);
 * ```
 */
export function standardized<D extends Dataset>(
  { train, test }: DatasetSplit<D>,
): StandardizedSplit<D> {
  const standardization: Standardization = {
    inputs: withoutPlaces(channelMoments(train), train),
    ...(train.classes === undefined
      ? { targets: moments(train.targets, targetSize(train), 1) }
      : {}),
  };
  return {
    train: standardizedBy(train, standardization),
    test: standardizedBy(test, standardization),
    standardization,
  };
}

/** The same, but columns that are places in a list of categories stay what they are. */
function withoutPlaces({ mean, deviation }: Normalization, dataset: Dataset): Normalization {
  if (!("encoding" in dataset) || dataset.shape.length !== 1) return { mean, deviation };
  const { inputs } = (dataset as Table).encoding;
  const places = inputs.flatMap((column) =>
    Array<boolean>(widthOf(column)).fill(column.kind === "index")
  );
  return {
    mean: mean.map((value, c) => places[c] ? 0 : value),
    deviation: deviation.map((value, c) => places[c] ? 1 : value),
  };
}

/**
 * One data set, standardized as another one was.
 *
 * @throws {DataError} When the numbers of means and deviations do not fit, or one is not possible.
 */
export function standardizedBy<D extends Dataset>(dataset: D, by: Standardization): D {
  checkNormalization(dataset.source, by.inputs, channelsOf(dataset));
  if (by.targets !== undefined) {
    checkNormalization(dataset.source, by.targets, targetSize(dataset));
  }
  return Object.freeze({
    ...dataset,
    normalization: by.inputs,
    ...(by.targets === undefined ? {} : { targetNormalization: by.targets }),
  });
}
