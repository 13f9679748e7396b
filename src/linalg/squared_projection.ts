/**
 * Second moments of per-example gradients, in any orthogonal basis: the eigenvalues of EKFAC and
 * TEKFAC.
 *
 * Letters: N examples, T locations each (1 for a dense layer); G_n gradient of example n's own loss
 * with respect to the layer's weights, [dOut, dIn].
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import { type DenseBasis, rotateInto } from "./rotate.ts";

/**
 * `G_n = sum_t g_nt abar_nt^T` for every example.
 *
 * @param inputs Inputs or patches, [N T, dIn].
 * @param outputGradients [N T, dOut].
 * @param examples N.
 * @returns N matrices [dOut, dIn].
 */
export function perExampleGradients(
  inputs: DenseMatrix,
  outputGradients: DenseMatrix,
  examples: number,
): DenseMatrix[] {
  const locations = examples === 0 ? 0 : inputs.rows / examples;
  const block = (x: DenseMatrix, n: number): DenseMatrix => ({
    rows: locations,
    cols: x.cols,
    data: x.data.subarray(n * locations * x.cols, (n + 1) * locations * x.cols),
  });
  return Array.from(
    { length: examples },
    (_, n) => gemm(block(outputGradients, n), block(inputs, n), { transposeA: true }),
  );
}

/**
 * `Theta = sum_n (Q_out^T G_n Q_in)^2`, squares elementwise; without a basis `sum_n G_n^2`
 * (George et al. 2018; Gao et al. 2020, eq. 3.3, there divided by N).
 *
 * @param gradients The per-example gradients G_n, [dOut, dIn] each; at least one.
 * @param basis The bases; the identity when absent.
 * @returns [dOut, dIn].
 *
 * @example Without a basis it is the sum of squares
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, squaredProjection } from "@tekfac/tekfac/linalg";
 *
 * const theta = squaredProjection([denseMatrix(1, 2, [1, 2]), denseMatrix(1, 2, [3, 0])]);
 * assert.deepEqual([...theta.data], [10, 4]);
 * ```
 */
export function squaredProjection(
  gradients: readonly DenseMatrix[],
  basis?: DenseBasis,
): DenseMatrix {
  const out = denseMatrix(gradients[0]?.rows ?? 0, gradients[0]?.cols ?? 0);
  for (const gradient of gradients) {
    const projected = basis ? rotateInto(gradient, basis) : gradient;
    projected.data.forEach((value, i) => out.data[i] += value * value);
  }
  return out;
}
