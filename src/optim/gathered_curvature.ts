/**
 * The curvature of a group whose ranks keep different parts of it, for checkpoints.
 *
 * @module
 */

import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "../core/safetensors.ts";
import type { CurvatureEstimator } from "../curvature/estimator.ts";
import type { Counters } from "./counters.ts";

/** Curvature as a checkpoint has it. */
export interface SavedCurvature {
  /** Numbers of matrices, by their names. */
  readonly arrays: SafetensorsFile["arrays"];
  /** See `Preconditioner.counters`. */
  readonly counters: Counters;
}

/**
 * What all ranks keep. All call it together.
 *
 * @param own Of this rank; names begin with those of parameters.
 */
export function gatherCurvature(
  { keepers, blocks }: Pick<CurvatureEstimator, "keepers" | "blocks">,
  own: SavedCurvature,
): SavedCurvature {
  const spoken = blocks.filter((block) => keepers.isDivided(block) && keepers.speaksFor(block));
  const names = spoken.map(({ parameter: { name } }) => `${name}.`);
  const arrays = Object.entries(own.arrays).filter(([name]) =>
    names.some((parameter) => name.startsWith(parameter))
  );
  const part = encodeSafetensors({
    arrays: Object.fromEntries(arrays),
    metadata: { counters: JSON.stringify(own.counters) },
  });
  const all = keepers.gather(part).map((bytes) => decodeSafetensors(bytes, "a rank's curvature"));
  const counters = all.map(({ metadata }) => JSON.parse(metadata.counters) as Counters);
  const merged = Object.keys(own.counters).map((name) => [name, largest(counters, name)]);
  return {
    arrays: Object.assign({}, own.arrays, ...all.map(({ arrays }) => arrays)),
    counters: Object.fromEntries(merged),
  };
}

/** What only keepers of a block know is 0 on the others; all else is equal. */
function largest(counters: readonly Counters[], name: string): Counters[string] {
  const [first, ...rest] = counters.map((each) => each[name]);
  if (typeof first === "number") return first;
  return first.map((count, i) => Math.max(count, ...rest.map((each) => (each as number[])[i])));
}
