/**
 * Networks whose arrays have channels first, as golden files write convolutions.
 *
 * @module
 */

import { columnsOf, type Matrix, reshaped, rowsOf } from "@tekfac/tekfac/core";
import type { ExampleShape, LayerSpec } from "@tekfac/tekfac/nn";
import type { Tensor } from "./fields.ts";

/** Shape of an example, channels last. */
export function channelsLast([channels, ...places]: readonly number[]): ExampleShape {
  return [...places, channels] as unknown as ExampleShape;
}

/** Numbers of one example, channels last. */
export function channelsLastData({ shape: [channels], data }: Tensor): Float64Array {
  const places = data.length / channels;
  return data.map((_, i) => data[i % channels * places + Math.floor(i / channels)]);
}

/** A row of features in the order (channel, place) of every image or sequence. */
export function flattenChannels(): LayerSpec {
  return {
    kind: "flatten",
    build({ backend, input, name }) {
      const channels = input[input.length - 1]!;
      const places = input.reduce<number>((product, size) => product * size, 1) / channels;
      return {
        name,
        output: [channels * places],
        parameter: undefined,
        capture: undefined,
        forward(x, examples) {
          const out = backend.scratch(examples, channels * places);
          eachRun(x, out, places, (inside, run) => backend.axpby(run, 1, inside, 0));
          return out;
        },
        backward(g) {
          const out = backend.scratch(g.rows * places, channels);
          eachRun(out, g, places, (inside, run) => backend.axpby(inside, 1, run, 0));
          return out;
        },
        [Symbol.dispose]() {},
      };
    },
  };
}

/** Calls `visit` with a channel of an example, and with the run of features that it is. */
function eachRun(
  inside: Matrix,
  features: Matrix,
  places: number,
  visit: (inside: Matrix, run: Matrix) => void,
): void {
  for (let n = 0; n < features.rows; n++) {
    for (let c = 0; c < inside.cols; c++) {
      const run = columnsOf(rowsOf(features, n, n + 1), c * places, (c + 1) * places);
      const example = rowsOf(inside, n * places, (n + 1) * places);
      visit(columnsOf(example, c, c + 1), reshaped(run, places, 1));
    }
  }
}
