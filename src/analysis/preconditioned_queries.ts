/**
 * Preconditioned gradients of many examples, as directions.
 *
 * @module
 */

import type { Capture } from "../core/capture.ts";
import { reshaped, rowsOf } from "../core/matrix.ts";
import type { InverseDamping } from "./damping.ts";
import type { Directions } from "./directions.ts";
import { examplesOf, SCRATCH, writeGradient } from "./example_gradient.ts";
import type { LayerCurvature } from "./layer_curvature.ts";
import { writeRotated } from "./rotated_gradients.ts";

/**
 * Sets directions, from the `first` on, to `(F + lambda)^-1 G_n` of all examples of a capture. In an eigenbasis gradients
 * are formed there, divided, shortened to their rank k, and rotated back together: a query of a dense layer takes
 * `k (dOut^2 + dIn'^2)` products in the place of `2 (dOut^2 dIn' + dOut dIn'^2)`. Blocks of low rank and groups take one
 * example at a time. Inside a scope.
 */
export function writePreconditioned(
  layer: LayerCurvature,
  capture: Capture,
  damping: InverseDamping | undefined,
  { directions, first }: { readonly directions: Directions; readonly first: number },
): void {
  const { backend, block: { eigenbasis }, parameter: { value } } = layer;
  const { examples } = capture;
  const { rows, cols } = value;
  if (eigenbasis === undefined) {
    for (let n = 0; n < examples; n++) {
      backend.scope(() => {
        const [gradient, solved] = [0, 0].map(() => backend.scratch(rows, cols));
        writeGradient(backend, gradient, examplesOf(capture, n, n + 1));
        layer.solve(solved, gradient, damping);
        directions.set(first + n, solved);
      });
    }
    return;
  }
  const { basis } = eigenbasis;
  const start = basis === undefined ? undefined : directions.startIn(basis);
  const power = { damping: layer.lambda(damping), exponent: 1 };
  const size = Math.max(1, Math.floor(SCRATCH / (rows * cols)));
  for (let from = 0; from < examples; from += size) {
    const to = Math.min(from + size, examples);
    backend.scope(() => {
      const divided = backend.scratch(to - from, rows * cols);
      writeRotated(backend, divided, eigenbasis, examplesOf(capture, from, to), power);
      for (let n = from; n < to; n++) {
        const one = reshaped(rowsOf(divided, n - from, n - from + 1), rows, cols);
        directions.set(first + n, one, start);
      }
      if (basis !== undefined) directions.rotateBack(first + from, first + to, basis);
    });
  }
}
