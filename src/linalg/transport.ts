/**
 * What becomes of a diagonal in an eigenbasis when the basis moves.
 *
 * @module
 */

import { type DenseMatrix, mapMatrix } from "./dense_matrix.ts";
import { gemm } from "./gemm.ts";
import type { DenseBasis } from "./rotate.ts";

/**
 * The diagonal, in a new basis, of the approximation that had the diagonal Theta in an old one:
 * `Theta' = (R_Psi o R_Psi) Theta (R_Phi o R_Phi)^T` with `R = Qnew^T Qold` for either factor
 * (docs/MATH.md, section 3). R o R is doubly stochastic, so the sum of all entries, the trace, is
 * kept; signs and order of the eigenvectors need no care.
 *
 * @param theta [dOut, dIn].
 * @param from The old basis.
 * @param to The new basis.
 * @returns [dOut, dIn].
 *
 * @example Exchanging two eigenvectors exchanges their eigenvalues
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, identityMatrix, transport } from "@tekfac/tekfac/linalg";
 *
 * const from = { output: identityMatrix(1), input: identityMatrix(2) };
 * const to = { output: identityMatrix(1), input: denseMatrix(2, 2, [0, -1, 1, 0]) };
 * assert.deepEqual([...transport(denseMatrix(1, 2, [5, 7]), from, to).data], [7, 5]);
 * ```
 */
export function transport(theta: DenseMatrix, from: DenseBasis, to: DenseBasis): DenseMatrix {
  const square = (x: DenseMatrix): DenseMatrix => mapMatrix(x, (value) => value * value);
  const output = square(gemm(to.output, from.output, { transposeA: true }));
  const input = square(gemm(to.input, from.input, { transposeA: true }));
  return gemm(gemm(output, theta), input, { transposeB: true });
}
