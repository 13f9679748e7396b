/**
 * The geometries on which the kernels of convolutions are compared.
 *
 * @module
 */

import { type ConvGeometry, locationsOf, type Pair, type Random } from "@tekfac/tekfac/core";
import { randomGeometry } from "@tekfac/tekfac/testing";

/** Channels of an image: one, odd, a whole tile, one more than two tiles. */
const CHANNELS: readonly number[] = [1, 3, 8, 17];

/**
 * Image, kernel, stride, padding and dilation, each worth its own code path somewhere. Thirteen, so
 * that what else goes round in threes and fours meets all of them.
 */
const SHAPES: readonly (readonly [Pair, Pair, Pair, Pair, Pair])[] = [
  [[1, 1], [1, 1], [1, 1], [0, 0], [1, 1]],
  [[5, 4], [1, 1], [1, 1], [0, 0], [1, 1]],
  [[5, 6], [1, 1], [2, 2], [0, 0], [1, 1]],
  [[6, 7], [3, 3], [1, 1], [0, 0], [1, 1]],
  [[8, 8], [3, 3], [1, 1], [1, 1], [1, 1]],
  [[8, 7], [3, 3], [2, 2], [1, 1], [1, 1]],
  [[2, 3], [3, 3], [1, 1], [1, 1], [1, 1]],
  [[7, 6], [3, 2], [1, 2], [2, 0], [2, 1]],
  [[9, 9], [2, 3], [3, 2], [1, 2], [2, 3]],
  [[4, 5], [5, 5], [1, 1], [2, 2], [1, 1]],
  [[6, 5], [2, 2], [3, 3], [3, 1], [1, 2]],
  [[5, 5], [3, 3], [1, 1], [2, 2], [2, 2]],
  [[3, 12], [1, 5], [1, 1], [0, 4], [1, 2]],
];

/** A fixed grid, and some more drawn at random. */
export function geometries(random: Random): ConvGeometry[] {
  const grid = CHANNELS.flatMap((channels) =>
    SHAPES.map(([[height, width], kernel, stride, padding, dilation], i): ConvGeometry => {
      return { channels, height, width, kernel, stride, padding, dilation, bias: i % 2 === 0 };
    })
  );
  const more = Array.from({ length: 30 }, () => randomGeometry(random));
  return [...grid, ...more].filter((geometry) => locationsOf(geometry) > 0);
}

/** Numbers of images that come up: none, one, and more than the kernels take together. */
export const EXAMPLES: readonly number[] = [0, 1, 3];
