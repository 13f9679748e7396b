/**
 * Examples in memory, row by row, and batches of them.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";

/** N examples. */
export interface Examples {
  /** [N, features]. */
  readonly inputs: Float32Array;
  /** [N, outputs] numbers, or [N] labels. */
  readonly targets: Float32Array | Uint8Array;
  /** Numbers in a row of inputs. */
  readonly features: number;
  /** Numbers in a row of targets; 1 for labels. */
  readonly outputs: number;
}

/** Number of examples. */
export function countOf({ inputs, features }: Examples): number {
  return inputs.length / features;
}

/** Copies of the examples at `indices`, in that order. */
export function pick(examples: Examples, indices: ArrayLike<number>): Examples {
  const { features, outputs } = examples;
  const inputs = new Float32Array(indices.length * features);
  const Targets = examples.targets instanceof Uint8Array ? Uint8Array : Float32Array;
  const targets = new Targets(indices.length * outputs);
  for (let n = 0; n < indices.length; n++) {
    const [x, y] = [indices[n] * features, indices[n] * outputs];
    inputs.set(examples.inputs.subarray(x, x + features), n * features);
    targets.set(examples.targets.subarray(y, y + outputs), n * outputs);
  }
  return { inputs, targets, features, outputs };
}

/** The same examples with inputs or targets in other units. */
export function scaled(
  examples: Examples,
  by: { readonly inputs?: number; readonly targets?: number },
): Examples {
  const { inputs = 1, targets = 1 } = by;
  return {
    ...examples,
    inputs: examples.inputs.map((x) => inputs * x),
    // Labels have no unit, and are only ever multiplied by 1 here.
    targets: examples.targets.map((y) => targets * y),
  };
}

/** Batches in an order that seed and epoch decide; the last one holds what is left. */
export function* shuffled(
  examples: Examples,
  size: number,
  seed: number,
  epoch: number,
): Generator<Examples> {
  const count = countOf(examples);
  if (size >= count) {
    yield examples;
    return;
  }
  // Neighbouring seeds and epochs must not share their orders.
  const order = new Random(new Random(seed * 65_537 + epoch).bits()).permutation(count);
  for (let at = 0; at < count; at += size) yield pick(examples, order.subarray(at, at + size));
}

/** Steps of an epoch. */
export function stepsPerEpoch(examples: Examples, size: number): number {
  return Math.ceil(countOf(examples) / size);
}
