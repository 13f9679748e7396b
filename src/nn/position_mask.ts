/**
 * Which positions of a batch's sequences are real, and which only fill them up.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { LocationMask } from "../core/capture.ts";
import { DataError, StateError } from "../core/errors.ts";
import { columnsOf, type Matrix } from "../core/matrix.ts";
import type { Layer, PositionMask } from "./module.ts";

/**
 * Which positions of a model's inputs are real.
 *
 * @param first The model's first layer, which alone can tell.
 * @returns 1 for a real position, 0 for padding, N T numbers; `undefined` where all are real.
 * @throws {DataError} When an example has no real position; names layer and example.
 */
export function realPositions(
  first: Layer,
  inputs: ArrayLike<number>,
  examples: number,
): Float32Array | undefined {
  const real = first.maskOf?.(inputs);
  if (real === undefined || !real.includes(0)) return undefined;
  const empty = countsOf(real, examples).indexOf(0);
  if (empty < 0) return real;
  throw new DataError(
    "batch",
    `'${first.name}' expects a position that is not padding in every example: example ${empty} has none`,
  );
}

/** A mask on a backend, in scratch memory. */
export function positionMask(
  backend: Backend,
  real: Float32Array | undefined,
  examples: number,
): PositionMask | undefined {
  if (real === undefined) return undefined;
  const weights = backend.scratch(1, real.length);
  backend.write(weights, real);
  return { real, counts: countsOf(real, examples), weights };
}

/** The rows of `each` numbers at real positions, one after the other. */
export function realRows(
  numbers: ArrayLike<number>,
  each: number,
  real: Float32Array,
): Float64Array {
  const out = new Float64Array(each * real.reduce((sum, one) => sum + one, 0));
  let end = 0;
  real.forEach((one, i) => {
    for (let k = 0; one > 0 && k < each; k++) out[end++] = numbers[i * each + k];
  });
  return out;
}

/** Real positions of each example. */
function countsOf(real: Float32Array, examples: number): number[] {
  const positions = real.length / examples;
  return Array.from({ length: examples }, (_, n) => {
    let count = 0;
    for (let t = n * positions; t < (n + 1) * positions; t++) count += real[t];
    return count;
  });
}

/**
 * Refuses padding where a layer gives other positions than it takes.
 *
 * @param rows Of its outputs.
 * @throws {StateError} Names the layer.
 */
export function expectMaskOf(name: string, mask: PositionMask | undefined, rows: number): void {
  if (mask === undefined || rows === mask.real.length) return;
  throw new StateError(
    `Cannot run '${name}' on sequences with padding: it gives ${
      rows / mask.counts.length
    } positions of ` +
      `${
        mask.real.length / mask.counts.length
      }; with stride 1 and padding 'same' or 'causal' it keeps them`,
  );
}

/** The mask of a layer's locations, if the pass has one of as many: of the first `rows` of them. */
export function maskOfRows(
  mask: PositionMask | undefined,
  rows: number,
  examples: number,
): LocationMask | undefined {
  if (mask === undefined) return undefined;
  return {
    weights: columnsOf(mask.weights, 0, rows),
    counts: Array.from(mask.counts).slice(0, examples),
  };
}

/** Rows of padding made zeros: [N T, C] in scratch memory. */
export function withoutPadding(backend: Backend, x: Matrix, mask: LocationMask): Matrix {
  const out = backend.scratch(x.rows, x.cols);
  backend.scaleRows(out, x, mask.weights);
  return out;
}
