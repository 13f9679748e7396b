/**
 * The geometry of convolutions and poolings: a window slides over images.
 *
 * Images are channels-last: a batch is a matrix [examples * height * width, channels], the layout of
 * a canvas's pixels. It makes every location's channels one run of numbers, so that output gradients
 * are already the matrix [examples * locations, channels] the curvature needs.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";
import { type Rule, where } from "./schema.ts";

/** [vertical, horizontal]. */
export type Pair = readonly [number, number];

/** What an option takes that is a pair of integers, or one for both. */
export function pairRule(least: number): Rule<number | Pair> {
  const fits = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= least;
  return where(
    `one or two integers >= ${least}`,
    (value): value is number | Pair =>
      fits(value) || (Array.isArray(value) && value.length === 2 && value.every(fits)),
  );
}

/** How a window of kernel[0] x kernel[1] pixels slides over an image. */
export interface SlidingWindow {
  /** Channels of the image. */
  readonly channels: number;
  /** Rows of the image. */
  readonly height: number;
  /** Columns of the image. */
  readonly width: number;
  /** Size of the window. */
  readonly kernel: Pair;
  /** Step between windows, >= 1. */
  readonly stride: Pair;
  /** Rows and columns added on each side (zeros for a convolution), >= 0. */
  readonly padding: Pair;
  /** Distance between neighbouring pixels of the window, >= 1. */
  readonly dilation: Pair;
}

/** A window whose patches may carry a homogeneous coordinate (a constant 1 for the bias). */
export interface ConvGeometry extends SlidingWindow {
  /** Whether each patch ends with a 1, so that the last column of the weights is the bias. */
  readonly bias: boolean;
  /**
   * Groups of neighbouring channels; the i-th group of outputs sees the i-th group of channels alone. Divides the
   * channels and the outputs. @default {1}
   */
  readonly groups?: number;
}

/** Rows of the output: how many window positions fit vertically. */
export function outHeight(w: SlidingWindow): number {
  return positions(w.height, w.kernel[0], w.stride[0], w.padding[0], w.dilation[0]);
}

/** Columns of the output. */
export function outWidth(w: SlidingWindow): number {
  return positions(w.width, w.kernel[1], w.stride[1], w.padding[1], w.dilation[1]);
}

/** Locations per image, T in the papers. */
export function locationsOf(w: SlidingWindow): number {
  return outHeight(w) * outWidth(w);
}

/** A window with weights. */
export function convGeometry(window: SlidingWindow, bias: boolean, groups: number): ConvGeometry {
  return groups > 1 ? { ...window, bias, groups } : { ...window, bias };
}

/** Length of a patch of one group, homogeneous coordinate included: dIn' in the papers. */
export function patchLength(g: ConvGeometry): number {
  return g.kernel[0] * g.kernel[1] * (g.channels / (g.groups ?? 1)) + (g.bias ? 1 : 0);
}

/** The convolution that each group is for itself. */
export function groupGeometry({ groups = 1, ...geometry }: ConvGeometry): ConvGeometry {
  return { ...geometry, channels: geometry.channels / groups };
}

function positions(size: number, kernel: number, stride: number, pad: number, dilation: number) {
  const span = dilation * (kernel - 1) + 1;
  return Math.max(0, Math.floor((size + 2 * pad - span) / stride) + 1);
}

/**
 * Checks a window and completes pairs given as one number.
 *
 * @param subject What was being done, for messages.
 * @param image Shape of one image, [height, width, channels].
 * @param options Numbers or pairs; `stride` and `dilation` default to 1, `padding` to 0.
 * @throws {OptionError} When a number is not an integer in its range.
 * @throws {ShapeError} When the window does not fit into the padded image.
 *
 * @example A 3 x 3 window over an image of 8 x 8 pixels
 * ```ts
 * import assert from "node:assert/strict";
 *
 * import {
 *   groupGeometry,
 *   locationsOf,
 *   outHeight,
 *   outWidth,
 *   patchLength,
 *   patchOrder,
 *   resolveWindow,
 * } from "@tekfac/tekfac/core";
 *
 * const window = resolveWindow("My layer", [8, 8, 2], { kernel: 3, stride: 2, padding: 1 });
 * assert.deepEqual([outHeight(window), outWidth(window), locationsOf(window)], [4, 4, 16]);
 *
 * const geometry = { ...window, bias: true };
 * assert.equal(patchLength(geometry), 3 * 3 * 2 + 1);
 * assert.equal(patchOrder(geometry).length, patchLength(geometry));
 *
 * // Of two groups each sees one channel.
 * const grouped = { ...geometry, groups: 2 };
 * assert.equal(patchLength(grouped), 3 * 3 + 1);
 * assert.deepEqual(groupGeometry(grouped), { ...geometry, channels: 1 });
 * ```
 */
export function resolveWindow(
  subject: string,
  image: readonly [height: number, width: number, channels: number],
  options: {
    readonly kernel: number | Pair;
    readonly stride?: number | Pair;
    readonly padding?: number | Pair;
    readonly dilation?: number | Pair;
  },
): SlidingWindow {
  const pair = (option: "kernel" | "stride" | "padding" | "dilation", preset: number): Pair => {
    const rule = pairRule(option === "padding" ? 0 : 1);
    const value = rule.check(subject, option, options[option] ?? preset);
    return typeof value === "number" ? [value, value] : value;
  };
  const [height, width, channels] = image;
  const window: SlidingWindow = {
    channels,
    height,
    width,
    kernel: pair("kernel", 1),
    stride: pair("stride", 1),
    padding: pair("padding", 0),
    dilation: pair("dilation", 1),
  };
  if (locationsOf(window) === 0) {
    throw new ShapeError(
      subject,
      `an image that holds a ${window.kernel.join(" x ")} window with dilation ` +
        `${window.dilation.join(", ")} and padding ${window.padding.join(", ")}`,
      `${height} x ${width}`,
    );
  }
  return window;
}

/**
 * Where each column of the public patch order (channel, kernel row, kernel column; bias last) lies in
 * the stored one (kernel row, kernel column, channel; bias last): `stored[i] = order[i]` for public i.
 *
 * The stored order makes a row of a patch one run of an image's numbers; the public one is the
 * papers' and that of most frameworks.
 */
export function patchOrder(g: ConvGeometry): Int32Array {
  const [kh, kw] = g.kernel;
  const { channels } = groupGeometry(g);
  const order = new Int32Array(patchLength(g));
  for (let c = 0, i = 0; c < channels; c++) {
    for (let y = 0; y < kh; y++) {
      for (let x = 0; x < kw; x++) order[i++] = (y * kw + x) * channels + c;
    }
  }
  if (g.bias) order[order.length - 1] = order.length - 1;
  return order;
}
