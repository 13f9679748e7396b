/**
 * From sequences to one row per example.
 *
 * @module
 */

import type { SlidingWindow } from "../core/geometry.ts";
import { resolveWindow } from "../core/geometry.ts";
import { columnsOf, reshaped } from "../core/matrix.ts";
import { expectSequence } from "./example_shape.ts";
import { functionLayer } from "./function_layer.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";

/**
 * The mean over the positions of a sequence: [positions, channels] becomes [channels].
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
      return functionLayer(context, {
        output: [channels],
        forward(x, examples) {
          const outputs = backend.scratch(examples, channels);
          backend.pool("average", outputs, x, window);
          return { outputs, kept: true };
        },
        backward(g) {
          const out = backend.scratch(g.rows * positions, channels);
          // A mean's gradient asks for the shapes of what was pooled and of the result, not for numbers.
          backend.poolGradient("average", out, backend.scratch(out.rows, channels), g, g, window);
          return out;
        },
      });
    },
  };
}

/**
 * The last position of a sequence, which in a causal model has seen all others: [positions, channels] becomes
 * [channels].
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
      const [positions, channels] = expectSequence(context);
      const size = positions * channels;
      return functionLayer(context, {
        output: [channels],
        forward(x, examples) {
          const outputs = backend.scratch(examples, channels);
          const last = columnsOf(reshaped(x, examples, size), size - channels, size);
          backend.axpby(outputs, 1, last, 0);
          return { outputs, kept: true };
        },
        backward(g) {
          const out = backend.scratch(g.rows, size);
          backend.axpby(out, 0, out, 0);
          backend.axpby(columnsOf(out, size - channels, size), 1, g, 0);
          return reshaped(out, g.rows * positions, channels);
        },
      });
    },
  };
}
