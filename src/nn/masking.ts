/**
 * Sequences of numbers of unequal length.
 *
 * @module
 */

import { checkNumber } from "../core/options.ts";
import type { Matrix } from "../core/matrix.ts";
import { expectSequence } from "./example_shape.ts";
import type { BuildContext, ForwardPass, Layer, LayerSpec } from "./module.ts";
import { withoutPadding } from "./position_mask.ts";

/**
 * The first layer of a model of sequences [positions, channels] that do not all have as many positions: those whose
 * channels are all `value` are padding. They may stand anywhere; every example needs one that is real.
 *
 * Padding gives neither loss nor gradient nor curvature. `attention` does not look at it, `meanPositions` and
 * `lastPosition` leave it out, a loss over positions is that of the real ones alone. Targets at padded positions may be
 * any number. For tokens, `embedding({ padding })` does the same.
 *
 * @param value What fills sequences up, a finite number. @default {0}
 * @throws {OptionError} When the value is no finite number. When the model is built, `ShapeError` if it is not the first
 * layer, or receives no sequence; for a batch, `DataError` if an example is all padding.
 *
 * @example The mean of the positions that are real
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { masking, meanPositions, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [3, 1], layers: [masking(), meanPositions()] });
 * const means = await objective(model, squaredError()).predict([1, 3, 0, 5, 0, 0]);
 * assert.deepEqual([...means], [2, 5]);
 * ```
 */
export function masking(value = 0): LayerSpec {
  checkNumber("Cannot create masking", "value", value);
  return {
    kind: "masking",
    options: { value },
    build(context: BuildContext): Layer {
      const [, channels] = expectSequence(context);
      const { backend, name, input } = context;
      return {
        name,
        output: input,
        parameter: undefined,
        capture: undefined,
        maskOf(inputs: ArrayLike<number>): Float32Array {
          const real = new Float32Array(inputs.length / channels);
          for (let i = 0; i < inputs.length; i++) {
            if (inputs[i] !== value) real[Math.floor(i / channels)] = 1;
          }
          return real;
        },
        forward: (x: Matrix, _examples: number, { mask }: ForwardPass): Matrix =>
          mask === undefined ? x : withoutPadding(backend, x, mask),
        backward: (g: Matrix): Matrix => g,
        [Symbol.dispose](): void {},
      };
    },
  };
}
