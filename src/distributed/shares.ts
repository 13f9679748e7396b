/**
 * Which examples of a joined batch a rank has.
 *
 * @module
 */

import type { Places } from "../core/capture.ts";

/**
 * The joined batch has the ranks' examples in turn: the first of each rank, then the second of each, and so on; who
 * has no more is passed over. So the leading examples of it, which the curvature observes, are those of all ranks
 * alike.
 *
 * @param sizes Numbers of examples, by rank.
 * @param rank Whose places are asked for.
 *
 * @example Three examples and one
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([...placesOf([3, 1], 0).at], [0, 2, 3]);
 * assert.deepEqual([...placesOf([3, 1], 1).at], [1]);
 * ```
 */
export function placesOf(sizes: readonly number[], rank: number): Places {
  const at = Uint32Array.from({ length: sizes[rank] }, (_, i) => {
    let place = 0;
    sizes.forEach((size, other) => place += Math.min(size, other < rank ? i + 1 : i));
    return place;
  });
  return { of: sizes.reduce((sum, size) => sum + size, 0), at };
}

/** The places among the first `count` examples of all. */
export function leadingPlaces({ at }: Places, count: number): Places {
  const end = at.findIndex((place) => place >= count);
  return { of: count, at: end < 0 ? at : at.subarray(0, end) };
}
