/**
 * Dropout.
 *
 * @module
 */

import { checkNumber } from "../core/options.ts";
import { type Matrix, rowsOf } from "../core/matrix.ts";
import { Random } from "../core/random.ts";
import { exampleSeeds } from "./draws.ts";
import { functionLayer } from "./function_layer.ts";
import type { BuildContext, Layer, LayerSpec } from "./module.ts";

/**
 * Dropout (Srivastava et al. 2014): in training every number is set to 0 with probability `rate`, and what
 * stays is divided by `1 - rate`, so that its mean is kept. Does nothing in predictions.
 *
 * What a pass drops follows from the model's seed, the number of the pass, which checkpoints keep, and the example's
 * place in the batch: equal seeds drop the same, a resumed run goes on as if it had not been interrupted, and so do
 * ranks of a group that share the batch. Any shape.
 *
 * @param rate In [0, 1).
 * @throws {OptionError} When the rate is outside its range.
 *
 * @example It acts in training only
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, dropout, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dropout(0.5), dense(1)], seed: 1 });
 * const goal = objective(model, squaredError());
 * assert.deepEqual(await goal.predict([1, 2]), await goal.predict([1, 2]));
 * ```
 */
export function dropout(rate: number): LayerSpec {
  checkNumber("Cannot create dropout", "rate", rate, { min: 0, below: 1 });
  return {
    kind: "dropout",
    options: { rate },
    build(context: BuildContext): Layer {
      const { backend } = context;
      const seed = context.random.bits();
      // The gate that ReLU uses: through where the mask is above 0.
      const gated = (x: Matrix, mask: Matrix): Matrix => {
        const out = backend.scratch(x.rows, x.cols);
        backend.activationGradient("relu", out, mask, x);
        backend.axpby(out, 0, out, 1 / (1 - rate));
        return out;
      };
      return functionLayer<Matrix | null>(context, {
        output: context.input,
        forward(x, examples, pass) {
          if (pass.kind === "inference") return { outputs: x, kept: null };
          const mask = backend.scratch(x.rows, x.cols);
          const seeds = exampleSeeds(pass, seed, examples);
          backend.write(mask, drawMask(seeds, x.rows * x.cols / examples, rate));
          return { outputs: gated(x, mask), kept: mask };
        },
        backward: (g, mask) => mask === null ? g : gated(g, rowsOf(mask, 0, g.rows)),
      });
    },
  };
}

/** 1 for what stays, 0 for what is dropped, of examples of `each` numbers. */
function drawMask(seeds: Float32Array, each: number, rate: number): Float32Array {
  const mask = new Float32Array(seeds.length * each);
  seeds.forEach((seed, n) => {
    const random = new Random(seed);
    for (let i = n * each; i < (n + 1) * each; i++) mask[i] = random.uniform() < rate ? 0 : 1;
  });
  return mask;
}
