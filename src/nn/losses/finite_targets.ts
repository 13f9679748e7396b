/**
 * Targets that are any finite numbers.
 *
 * @module
 */

import { DataError } from "../../core/errors.ts";
import { placeOf } from "./target_place.ts";

/**
 * Checks that all targets are finite.
 *
 * @param each Targets of a prediction.
 * @param positions Predictions of an example.
 * @throws {DataError} Names the first that is not.
 */
export function checkFiniteTargets(
  targets: ArrayLike<number>,
  each: number,
  positions = 1,
): void {
  for (let i = 0; i < targets.length; i++) {
    if (Number.isFinite(targets[i])) continue;
    const problem = `${placeOf(i, each, positions)} must be a finite number: received ${
      targets[i]
    }`;
    throw new DataError("batch", problem);
  }
}
