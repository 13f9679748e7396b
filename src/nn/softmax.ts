/**
 * Probabilities of a layer's channels.
 *
 * @module
 */

import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { rowsOf } from "../core/matrix.ts";
import { functionLayer } from "./function_layer.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";

/**
 * The softmax over the channels of every position, `y = exp x / sum exp x`: positive numbers with sum 1. Any shape. For
 * a classifier's last layer take none: `softmaxCrossEntropy` is of logits.
 *
 * @example Two channels that are alike
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { objective, sequential, softmax, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [softmax()] });
 * assert.deepEqual([...await objective(model, squaredError()).predict([5, 5])], [0.5, 0.5]);
 * ```
 */
export function softmax(): LayerSpec {
  return {
    kind: "softmax",
    options: {},
    build(context: BuildContext): Layer {
      const { backend } = context;
      backend.extend(sequenceVerbs);
      return functionLayer(context, {
        output: context.input,
        forward(x) {
          const outputs = backend.scratch(x.rows, x.cols);
          backend.softmax(outputs, x);
          return { outputs, kept: outputs };
        },
        backward(g, y) {
          const out = backend.scratch(g.rows, g.cols);
          backend.softmaxGradient(out, rowsOf(y, 0, g.rows), g);
          return out;
        },
      });
    },
  };
}
