/**
 * A time series as a data set: some of its past, and what came next.
 *
 * @module
 */

import { DataError, OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import type { NumberArray } from "./arrays.ts";
import type { Columns } from "./columns.ts";
import { channelsOf, examplesIn } from "./dataset.ts";
import { type Table, table } from "./table.ts";

/** Options of {@linkcode windows}. */
export interface WindowsOptions {
  /** Moments that the model sees, an integer >= 1. */
  readonly length: number;
  /** Moments after them that it shall predict, an integer >= 1. @default {1} */
  readonly horizon?: number;
  /** Moments from one window to the next, an integer >= 1. @default {1} */
  readonly stride?: number;
  /** Which channels are predicted: names, or places where they have none. @default {all} */
  readonly targets?: readonly (string | number)[];
  /** Where the series comes from, for messages and reports. @default {"series"} */
  readonly source?: string;
}

/**
 * All windows of a series. Window w sees the moments w s to w s + length - 1 (s is the stride) as an image
 * of [1, length, channels], for `conv2d` with a kernel of height 1 or, after `flatten()`, for `dense`; its
 * targets are the chosen channels of the `horizon` moments that follow, [horizon * channels], moment by
 * moment. Windows are in the order of time: split them by `order: "stored"` with a gap.
 *
 * @param series One number per moment, a row per moment, or columns by name; no number may be missing.
 * @throws {DataError} When the series is shorter than a window with its horizon, or a number is missing.
 * @throws {OptionError} When an option is unknown or out of range, or there is no such channel.
 *
 * @example Two moments, to predict the next
 * ```ts
 * import assert from "node:assert/strict";
 * import { batches, windows } from "@tekfac/tekfac/data";
 *
 * const data = windows([1, 2, 3, 4, 5], { length: 2 });
 * assert.deepEqual(data.shape, [1, 2, 1]);
 * const [{ inputs, targets }] = batches(data, { size: 3 });
 * assert.deepEqual([...inputs], [1, 2, 2, 3, 3, 4]);
 * assert.deepEqual([...targets], [3, 4, 5]);
 * ```
 */
export function windows(series: NumberArray | Columns, options: WindowsOptions): Table {
  const subject = "Cannot make windows";
  checkKnownKeys(subject, options, ["length", "horizon", "stride", "targets", "source"]);
  const count = (name: "length" | "horizon" | "stride") =>
    checkNumber(subject, name, options[name] ?? (name === "length" ? undefined : 1), {
      min: 1,
      integer: true,
    });
  const [length, horizon, stride] = [count("length"), count("horizon"), count("stride")];
  const { source = "series" } = options;
  const rows = table({ inputs: series, targets: momentsOf(series), source });
  const channels = channelsOf(rows);
  const moments = examplesIn(rows);
  const chosen = channelsChosen(subject, rows, options.targets);
  const windowCount = Math.floor((moments - length - horizon) / stride) + 1;
  if (windowCount < 1) {
    throw new DataError(
      source,
      `expected at least ${length + horizon} moments (length + horizon), received ${moments}`,
    );
  }
  const { inputs: numbers } = rows;
  const inputs = new Float64Array(windowCount * length * channels);
  const targets = new Float64Array(windowCount * horizon * chosen.length);
  let place = 0;
  for (let w = 0; w < windowCount; w++) {
    const from = w * stride * channels;
    const end = from + length * channels;
    inputs.set(numbers.subarray(from, end), w * length * channels);
    for (let t = 0; t < horizon; t++) {
      for (const channel of chosen) targets[place++] = numbers[end + t * channels + channel];
    }
  }
  return Object.freeze({ ...rows, inputs, targets, shape: [1, length, channels] as const });
}

/** A target for each moment, so that the series is a table; it is not used. */
function momentsOf(series: NumberArray | Columns): Float32Array {
  const values = "length" in series && typeof series.length === "number"
    ? series
    : Object.values(series)[0];
  return new Float32Array((values as ArrayLike<unknown> | undefined)?.length ?? 0);
}

function channelsChosen(
  subject: string,
  rows: Table,
  targets: WindowsOptions["targets"],
): readonly number[] {
  const channels = channelsOf(rows);
  if (targets === undefined) return Array.from({ length: channels }, (_, c) => c);
  return targets.map((target) => {
    const channel = typeof target === "number" ? target : rows.features.indexOf(target);
    if (Number.isInteger(channel) && channel >= 0 && channel < channels) return channel;
    const known = rows.features.length > 0
      ? rows.features.map((name) => `'${name}'`).join(", ")
      : `0 to ${channels - 1}`;
    throw new OptionError(subject, "targets", `must be among the channels (${known})`, target);
  });
}
