/**
 * Parts of data sets: some examples, two parts, folds.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { checkChoice, checkKnownKeys, checkNumber } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { type Dataset, type DatasetSplit, examplesIn, inputSize, targetSize } from "./dataset.ts";

/** How {@linkcode splitDataset} deals the examples. */
export type SplitOptions =
  & {
    /** Share of the examples that is held back, in (0, 1): whole examples, at least one and not all. */
    readonly testShare: number;
  }
  & ({
    /** By a permutation. @default {"random"} */
    readonly order?: "random";
    /** Of the permutation. */
    readonly seed: number;
  } | {
    /** As stored, the last ones held back: for what comes in the order of time. */
    readonly order: "stored";
    /**
     * Examples between the parts that belong to none, an integer >= 0. Windows of a time series overlap:
     * `length + horizon - 1` keeps what is predicted in one part out of the other. @default {0}
     */
    readonly gap?: number;
  });

/**
 * A new data set with copies of the examples at `indices`, in that order; repetitions are allowed.
 *
 * @throws {OptionError} When an index is not that of an example.
 * @throws {DataError} When there is no index.
 *
 * @example The first example twice
 * ```ts
 * import assert from "node:assert/strict";
 * import { subset, table } from "@tekfac/tekfac/data";
 *
 * const data = table({ inputs: [1, 2, 3], targets: [4, 5, 6] });
 * const { inputs, targets } = subset(data, [0, 0, 2]);
 * assert.deepEqual([[...inputs], [...targets]], [[1, 1, 3], [4, 4, 6]]);
 * ```
 */
export function subset<D extends Dataset>(dataset: D, indices: ArrayLike<number>): D {
  const count = examplesIn(dataset);
  if (indices.length === 0) {
    throw new DataError(dataset.source, "expected at least one example, received none");
  }
  for (let i = 0; i < indices.length; i++) {
    if (Number.isInteger(indices[i]) && indices[i] >= 0 && indices[i] < count) continue;
    const expectation = `must be integers in [0, ${count - 1}]`;
    throw new OptionError("Cannot take a subset", "indices", expectation, indices[i]);
  }
  const inputs = gathered(dataset.inputs, inputSize(dataset), indices);
  const targets = gathered(dataset.targets, targetSize(dataset), indices);
  const names = "images" in dataset ? { images: inputs, labels: targets } : {};
  const { weights: all } = dataset;
  const weights = all === undefined ? {} : { weights: gathered(all, 1, indices) };
  return Object.freeze({ ...dataset, inputs, targets, ...weights, ...names });
}

function gathered<T extends Dataset["inputs"] | Dataset["targets"]>(
  numbers: T,
  size: number,
  indices: ArrayLike<number>,
): T {
  const out = new (numbers.constructor as new (length: number) => T)(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    out.set(numbers.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
  }
  return out;
}

/**
 * Deals the examples into two data sets: by a seeded permutation, so that equal seeds split equal data
 * alike, or in the stored order.
 *
 * @param dataset What is split; at least two examples, besides the gap.
 * @throws {OptionError} When an option is unknown or out of range.
 * @throws {DataError} When there are too few examples.
 *
 * @example The end of a series is held back
 * ```ts
 * import assert from "node:assert/strict";
 * import { splitDataset, table } from "@tekfac/tekfac/data";
 *
 * const series = table({ inputs: [1, 2, 3, 4, 5, 6], targets: [2, 3, 4, 5, 6, 7] });
 * const { train, test } = splitDataset(series, { testShare: 1 / 3, order: "stored", gap: 1 });
 * assert.deepEqual([[...train.inputs], [...test.inputs]], [[1, 2, 3], [5, 6]]);
 * ```
 */
export function splitDataset<D extends Dataset>(
  dataset: D,
  options: SplitOptions,
): DatasetSplit<D> {
  const subject = "Cannot split a data set";
  const kind = checkChoice(subject, "order", options.order ?? "random", ["random", "stored"]);
  checkKnownKeys(subject, options, ["testShare", "order", kind === "random" ? "seed" : "gap"]);
  const share = checkNumber(subject, "testShare", options.testShare, { above: 0, below: 1 });
  const gap = options.order !== "stored"
    ? 0
    : checkNumber(subject, "gap", options.gap ?? 0, { min: 0, integer: true });
  const count = examplesIn(dataset);
  if (count < 2 + gap) {
    throw new DataError(
      dataset.source,
      `expected at least ${2 + gap} examples to split, received ${count}`,
    );
  }
  const testCount = Math.min(Math.max(Math.round(count * share), 1), count - 1 - gap);
  const order = options.order === "stored"
    ? Uint32Array.from({ length: count }, (_, i) => i)
    : new Random(checkNumber(subject, "seed", options.seed)).permutation(count);
  return {
    train: subset(dataset, order.subarray(0, count - testCount - gap)),
    test: subset(dataset, order.subarray(count - testCount)),
  };
}

/** Options of {@linkcode kFold}. */
export interface KFoldOptions {
  /** Number of parts, an integer >= 2, at most as many as there are examples. */
  readonly folds: number;
  /** Of the permutation that deals the examples. */
  readonly seed: number;
}

/**
 * Splits for k-fold cross-validation: the examples are dealt by a seeded permutation into k parts, whose
 * sizes differ by one at most, and each part is held back once. Splits are made one at a time.
 *
 * @throws {OptionError} When an option is unknown or out of range.
 *
 * @example Every example is held back once
 * ```ts
 * import assert from "node:assert/strict";
 * import { kFold, table } from "@tekfac/tekfac/data";
 *
 * const data = table({ inputs: [1, 2, 3, 4, 5], targets: [1, 4, 9, 16, 25] });
 * const held = [...kFold(data, { folds: 2, seed: 1 })].flatMap(({ test }) => [...test.inputs]);
 * assert.deepEqual(held.sort(), [1, 2, 3, 4, 5]);
 * ```
 */
export function* kFold<D extends Dataset>(
  dataset: D,
  options: KFoldOptions,
): Generator<DatasetSplit<D>, void, undefined> {
  const subject = "Cannot make folds";
  checkKnownKeys(subject, options, ["folds", "seed"]);
  const count = examplesIn(dataset);
  const range = { min: 2, max: count, integer: true };
  const folds = checkNumber(subject, "folds", options.folds, range);
  const order = new Random(checkNumber(subject, "seed", options.seed)).permutation(count);
  for (let fold = 0; fold < folds; fold++) {
    const from = Math.floor(fold * count / folds);
    const to = Math.floor((fold + 1) * count / folds);
    yield {
      train: subset(dataset, order.filter((_, i) => i < from || i >= to)),
      test: subset(dataset, order.subarray(from, to)),
    };
  }
}
