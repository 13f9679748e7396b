/**
 * From images and sequences to rows of features.
 *
 * @module
 */

import { StateError } from "../core/errors.ts";
import { reshaped } from "../core/matrix.ts";
import { batchShape, sizeOf } from "./example_shape.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { functionLayer } from "./function_layer.ts";

/**
 * Makes one row of every image: [height, width, channels] becomes [height * width * channels]; and of every
 * sequence: [positions, channels] becomes [positions * channels].
 *
 * Costs nothing, as images are stored that way. The features come in the order (row, column,
 * channel); frameworks that store channels first flatten to (channel, row, column), so the columns of
 * a dense layer's weights that come from there have to be permuted. Rows of features stay as they are.
 *
 * @example Images as rows of numbers
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { flatten, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [4, 4, 2], layers: [flatten()], seed: 1 });
 * assert.deepEqual(model.layers[0].output, [32]);
 * ```
 */
export function flatten(): LayerSpec {
  return {
    kind: "flatten",
    options: {},
    build(context: BuildContext): Layer {
      const size = sizeOf(context.input);
      return functionLayer(context, {
        output: [size],
        forward(x, examples, { mask }) {
          if (mask !== undefined && context.input.length > 1) {
            throw new StateError(
              `Cannot run '${context.name}' on sequences with padding, which would become features; ` +
                "use meanPositions() or lastPosition()",
            );
          }
          return { outputs: reshaped(x, examples, size), kept: true };
        },
        backward: (g) => reshaped(g, ...batchShape(context.input, g.rows)),
      });
    },
  };
}
