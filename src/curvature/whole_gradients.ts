/**
 * Factors of a convolution from the whole gradients of its examples, `G_n = sum_t g_nt abar_nt^T`: exact partial traces
 * of the Fisher, without the assumption that locations are uncorrelated.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { KroneckerCapture } from "../core/capture.ts";
import { type Matrix, rowsOf } from "../core/matrix.ts";

/** Rows whose second moments are the partial traces. */
export interface WholeGradients {
  /** All `G_n`, [N dOut, dIn']. */
  readonly input: Matrix;
  /** All `G_n^T`, [N dIn', dOut]. */
  readonly output: Matrix;
}

/** What takes the gradients of locations one by one: a convolution. */
export type ConvolutionCapture = Extract<KroneckerCapture, { readonly kind: "conv2d" }>;

/**
 * The whole gradients of all examples, in scratch memory: 2 N dOut dIn' numbers, and N T dIn' for the patches. Inside
 * a scope.
 */
export function wholeGradients(
  backend: Backend,
  { examples, images, geometry, outputGradients }: ConvolutionCapture,
  dIn: number,
): WholeGradients {
  const { rows, cols: dOut } = outputGradients;
  const locations = rows / examples;
  const patches = backend.scratch(rows, dIn);
  backend.patches(patches, images, geometry);
  const input = backend.scratch(examples * dOut, dIn);
  const output = backend.scratch(examples * dIn, dOut);
  for (let n = 0; n < examples; n++) {
    const [from, to] = [n * locations, (n + 1) * locations];
    const [g, a] = [rowsOf(outputGradients, from, to), rowsOf(patches, from, to)];
    backend.gemm(rowsOf(input, n * dOut, (n + 1) * dOut), g, a, { transposeA: true });
    backend.gemm(rowsOf(output, n * dIn, (n + 1) * dIn), a, g, { transposeA: true });
  }
  return { input, output };
}
