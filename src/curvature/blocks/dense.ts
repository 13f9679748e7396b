/**
 * A block as a matrix, for theorems, studies and whoever wants to look at it.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { type Matrix, reshaped, rowsOf } from "../../core/matrix.ts";
import type { Block } from "./block.ts";

/**
 * The undamped block as a dense matrix: row j is what it makes of the j-th unit matrix, as a row. Symmetric. Inside
 * a scope; costs as many products as the layer has weights.
 *
 * @returns [dOut dIn', dOut dIn'], in scratch memory.
 *
 * @example Of a diagonal block
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { DiagonalBlock, toDense } from "@tekfac/tekfac/curvature";
 * import { dense, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * const layers = [dense(1, { bias: false })];
 * using model = sequential(backend, { input: [2], layers, seed: 1 });
 * const [parameter] = model.parameters;
 * using block = new DiagonalBlock(backend, parameter, { damping: { kind: "absolute", lambda: 1 } });
 * backend.write(parameter.gradient, [1, 3]);
 * backend.scope(() => {
 *   block.observeMeanGradient(parameter.gradient, 1, { decay: 0, scale: 1 });
 *   assert.deepEqual([...backend.readSync(toDense(backend, block))], [1, 0, 0, 9]);
 * });
 * ```
 */
export function toDense(backend: Backend, block: Block): Matrix {
  const { rows, cols } = block.parameter.value;
  const size = rows * cols;
  const out = backend.scratch(size, size);
  for (let j = 0; j < size; j++) {
    backend.scope(() => {
      const unit = backend.scratch(rows, cols);
      backend.write(unit, Float64Array.from({ length: size }, (_, i) => i === j ? 1 : 0));
      block.multiply(reshaped(rowsOf(out, j, j + 1), rows, cols), unit);
    });
  }
  return out;
}
