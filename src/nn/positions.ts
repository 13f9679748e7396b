/**
 * From sequences to one row per example.
 *
 * @module
 */

import type { SlidingWindow } from "../core/geometry.ts";
import { resolveWindow } from "../core/geometry.ts";
import type { Backend } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { columnsOf, type Matrix, reshaped } from "../core/matrix.ts";
import { expectSequence } from "./example_shape.ts";
import { functionLayer } from "./function_layer.ts";
import type { BuildContext, Layer, LayerSpec, PositionMask } from "./module.ts";

/**
 * The mean over the positions of a sequence, those that are not padding: [positions, channels] becomes [channels].
 *
 * @example Two positions of three channels
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { meanPositions, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2, 3], layers: [meanPositions()] });
 * const means = await objective(model, squaredError()).predict([1, 2, 3, 3, 4, 5]);
 * assert.deepEqual([...means], [2, 3, 4]);
 * ```
 */
export function meanPositions(): LayerSpec {
  return {
    kind: "meanPositions",
    options: {},
    build(context: BuildContext): Layer {
      const { backend, name } = context;
      const [positions, channels] = expectSequence(context);
      const image = [positions, 1, channels] as const;
      const window: SlidingWindow = resolveWindow(name, image, { kernel: [positions, 1] });
      return functionLayer<Kept>(context, {
        output: [channels],
        forward(x, examples, { mask }) {
          const outputs = backend.scratch(examples, channels);
          const shares = mask && sharesOf(backend, mask, positions);
          let real = x;
          if (shares !== undefined) {
            real = backend.scratch(x.rows, channels);
            backend.scaleRows(real, x, shares);
          }
          backend.pool("average", outputs, real, window);
          return { outputs, kept: { numbers: shares } };
        },
        backward(g, { numbers: shares }) {
          const out = backend.scratch(g.rows * positions, channels);
          // A mean's gradient asks for the shapes of what was pooled and of the result, not for numbers.
          backend.poolGradient("average", out, backend.scratch(out.rows, channels), g, g, window);
          if (shares !== undefined) backend.scaleRows(out, out, columnsOf(shares, 0, out.rows));
          return out;
        },
      });
    },
  };
}

/**
 * The last position of a sequence that is not padding, which in a causal model has seen all others: [positions,
 * channels] becomes [channels].
 *
 * @example The second of two positions
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { lastPosition, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2, 3], layers: [lastPosition()] });
 * const last = await objective(model, squaredError()).predict([1, 2, 3, 3, 4, 5]);
 * assert.deepEqual([...last], [3, 4, 5]);
 * ```
 */
export function lastPosition(): LayerSpec {
  return {
    kind: "lastPosition",
    options: {},
    build(context: BuildContext): Layer {
      const { backend } = context;
      backend.extend(sequenceVerbs);
      const [positions, channels] = expectSequence(context);
      const size = positions * channels;
      return functionLayer<Kept>(context, {
        output: [channels],
        forward(x, examples, { mask }) {
          const outputs = backend.scratch(examples, channels);
          if (mask !== undefined) {
            const rows = lastRows(backend, mask, positions);
            backend.gatherRows(outputs, x, rows);
            return { outputs, kept: { numbers: rows } };
          }
          const last = columnsOf(reshaped(x, examples, size), size - channels, size);
          backend.axpby(outputs, 1, last, 0);
          return { outputs, kept: { numbers: undefined } };
        },
        backward(g, { numbers: rows }) {
          const out = backend.scratch(g.rows, size);
          if (rows !== undefined) {
            const all = reshaped(out, g.rows * positions, channels);
            backend.scatterRows(all, columnsOf(rows, 0, g.rows), g);
            return all;
          }
          backend.axpby(out, 0, out, 0);
          backend.axpby(columnsOf(out, size - channels, size), 1, g, 0);
          return reshaped(out, g.rows * positions, channels);
        },
      });
    },
  };
}

/** What padding says of the positions, where there is any. */
interface Kept {
  readonly numbers: Matrix | undefined;
}

/** What the mean over all positions has to be weighted with to be that over the real ones, [1, N T]. */
function sharesOf(backend: Backend, { real, counts }: PositionMask, positions: number): Matrix {
  const shares = backend.scratch(1, real.length);
  const share = (_: unknown, i: number) => real[i] * positions / counts[Math.floor(i / positions)];
  backend.write(shares, Float64Array.from({ length: real.length }, share));
  return shares;
}

/** The row of the last real position of each example, [1, N]. */
function lastRows(backend: Backend, { real, counts }: PositionMask, positions: number): Matrix {
  const rows = backend.scratch(1, counts.length);
  const last = (n: number): number => {
    let row = (n + 1) * positions - 1;
    while (real[row] === 0) row--;
    return row;
  };
  backend.write(rows, Float32Array.from({ length: counts.length }, (_, n) => last(n)));
  return rows;
}
