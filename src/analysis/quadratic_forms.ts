/**
 * How long single examples' gradients are in the metric of the damped inverse.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture, DenseCapture } from "../core/capture.ts";
import { columnsOf, type Matrix, reshaped } from "../core/matrix.ts";
import type { Block, Eigendecomposition } from "../curvature/blocks/block.ts";
import { exampleOf, writeGradient } from "./example_gradient.ts";

/**
 * `out_n = <G_n, (F + lambda)^-1 G_n>`, out [1, N], scratch. With `g' = Q_out^T g`, `a' = Q_in^T abar` this is
 *
 * ```text
 * sum_ij g'_i^2 a'_j^2 / (Theta_ij + lambda)
 * ```
 *
 * for a dense layer whose block has such a basis: two rotations and one product for all examples. Elsewhere one
 * example's gradient is formed at a time. Inside a scope.
 */
export function quadraticForms(
  backend: Backend,
  block: Block,
  capture: Capture,
  damping: number,
): Matrix {
  const { eigenbasis } = block;
  if (capture.kind === "dense" && eigenbasis !== undefined) {
    return byProducts(backend, eigenbasis, capture, damping);
  }
  const { rows, cols } = block.parameter.value;
  const out = backend.scratch(1, capture.examples);
  for (let n = 0; n < capture.examples; n++) {
    backend.scope(() => {
      const [gradient, solved] = [backend.scratch(rows, cols), backend.scratch(rows, cols)];
      writeGradient(backend, gradient, exampleOf(capture, n));
      block.power(solved, gradient, { damping, exponent: 1 });
      backend.dot(columnsOf(out, n, n + 1), gradient, solved);
    });
  }
  return out;
}

function byProducts(
  backend: Backend,
  { basis, eigenvalues }: Eigendecomposition,
  { inputs, outputGradients, examples }: DenseCapture,
  damping: number,
): Matrix {
  const { rows, cols } = eigenvalues;
  const out = backend.scratch(1, examples);
  backend.scope(() => {
    const squares = (x: Matrix, vectors: Matrix | undefined): Matrix => {
      const y = backend.scratch(x.rows, x.cols);
      if (vectors === undefined) backend.squares(y, x);
      else {
        backend.gemm(y, x, vectors);
        backend.squares(y, y);
      }
      return y;
    };
    const inverse = backend.scratch(rows, cols);
    backend.write(reshaped(inverse, 1, rows * cols), new Float32Array(rows * cols).fill(1));
    backend.dampedDivide(inverse, inverse, { eigenvalues, damping });
    const half = backend.scratch(examples, cols);
    backend.gemm(half, squares(outputGradients, basis?.output), inverse);
    backend.rowDots(out, half, squares(inputs, basis?.input));
  });
  return out;
}
