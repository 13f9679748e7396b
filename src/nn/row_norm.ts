/**
 * Normalisations of every position for itself: layerNorm and rmsNorm.
 *
 * @module
 */

import type { RowNormKind } from "../backend/backend.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";
import { resolve } from "../core/schema.ts";
import { rowsPerExample } from "./example_shape.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";
import { type RowNormOptions, rowNormSchema, scaledLayer } from "./scaled_layer.ts";

/**
 * Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450): the channels of every position (pixel, row of
 * features) are brought to mean 0 and variance 1, then scaled and shifted channel by channel,
 * `y = scale (x - m) / sqrt(v + epsilon) + shift`. Scales start at 1, shifts at 0. Any shape.
 *
 * Examples do not meet, so each leaves the gradient of its own loss with respect to scales and shifts, [2, C], and
 * the Kronecker-factored optimizers give every channel its exact 2 x 2 block. Weight decay leaves them out.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example In front of a dense layer, inside a residual block
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, gelu, layerNorm, residual, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const body = [layerNorm(), dense(32), gelu(), dense(8)];
 * using model = sequential(backend, { input: [10, 8], layers: [residual(body)], seed: 1 });
 * assert.deepEqual(model.parameters.map(({ name }) => name), ["layerNorm1", "dense1", "dense2"]);
 * ```
 */
export function layerNorm(options: RowNormOptions = {}): LayerSpec {
  return rowNorm("layer", "layerNorm", options);
}

/**
 * The same without the mean (Zhang & Sennrich 2019, arXiv 1910.07467): `y = scale x / sqrt(mean x^2 + epsilon) + shift`.
 *
 * @throws {OptionError} When an option is unknown or outside its range.
 *
 * @example Scales alone
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { objective, rmsNorm, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [rmsNorm({ shift: false, epsilon: 1e-12 })];
 * using model = sequential(backend, { input: [2], layers });
 * assert.equal(model.parameters[0].value.rows, 1);
 * const [x, y] = await objective(model, squaredError()).predict([3, 4]);
 * assert(Math.abs(x / y - 3 / 4) < 1e-6 && Math.abs(x * x + y * y - 2) < 1e-5);
 * ```
 */
export function rmsNorm(options: RowNormOptions = {}): LayerSpec {
  return rowNorm("rms", "rmsNorm", options);
}

function rowNorm(kind: RowNormKind, name: string, options: RowNormOptions): LayerSpec {
  const { epsilon, shift, trainable } = resolve(`Cannot create ${name}`, options, rowNormSchema);
  return {
    kind: name,
    options: { epsilon, shift },
    build(context: BuildContext): Layer {
      const { backend, input } = context;
      backend.extend(sequenceVerbs);
      const like = (m: Matrix): Matrix => backend.scratch(m.rows, m.cols);
      return scaledLayer(context, { shift, trainable }, {
        forward(x, weights) {
          const out = like(x);
          backend.rowNorm(kind, out, x, weights, epsilon);
          return out;
        },
        sums(x, g) {
          const examples = g.rows / rowsPerExample(input);
          const out = backend.scratch(2 * examples, g.cols);
          backend.rowNormSums(kind, out, x, g, epsilon);
          return reshaped(out, examples, 2 * g.cols);
        },
        gradient(x, g, weights) {
          const out = like(g);
          backend.rowNormGradient(kind, out, x, g, weights, epsilon);
          return out;
        },
      });
    },
  };
}
