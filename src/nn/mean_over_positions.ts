/**
 * The loss of an example that has one at every position.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Matrix, reshaped } from "../core/matrix.ts";

/** Means of the losses [1, N T] over the T positions of each example: [1, N] in scratch memory. */
export function meanOverPositions(backend: Backend, losses: Matrix, positions: number): Matrix {
  const examples = losses.cols / positions;
  const ones = backend.scratch(1, positions);
  backend.write(ones, new Float32Array(positions).fill(1));
  const means = backend.scratch(1, examples);
  const rows = reshaped(losses, examples, positions);
  backend.gemm(means, ones, rows, { transposeB: true, alpha: 1 / positions });
  return means;
}
