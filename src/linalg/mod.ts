/**
 * The mathematics in plain float64 TypeScript, obvious rather than fast: the definition of every
 * verb of a backend, and the oracle of its tests.
 *
 * @experimental Definitions follow the verbs of a backend, and change with them.
 *
 * @example The eigenbasis approximation of a layer's Fisher block keeps its trace
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const inputs = linalg.denseMatrix(3, 2, [1, 2, 0, 1, 3, -1]);
 * const outputGradients = linalg.denseMatrix(3, 2, [1, 0, 2, 1, -1, 1]);
 * const gradients = linalg.perExampleGradients(inputs, outputGradients, 3);
 * const basis = {
 *   output: linalg.eigh(linalg.secondMoment(outputGradients)).vectors,
 *   input: linalg.eigh(linalg.secondMoment(inputs)).vectors,
 * };
 * const mean = linalg.mapMatrix(linalg.squaredProjection(gradients, basis), (x) => x / 3);
 * const difference = linalg.trace(linalg.fisherBlock(gradients)) -
 *   linalg.trace(linalg.eigenbasisBlock(mean, basis));
 * assert.ok(Math.abs(difference) < 1e-13);
 * ```
 *
 * @module
 */

export * from "./activations.ts";
export * from "./attention.ts";
export * from "./rotate_pairs.ts";
export * from "./batch_norm.ts";
export * from "./cholesky.ts";
export * from "./conv2d.ts";
export * from "./dense_matrix.ts";
export * from "./depthwise.ts";
export * from "./eigh.ts";
export * from "./elementwise.ts";
export { evaluate } from "./formula.ts";
export * from "./gemm.ts";
export * from "./kronecker.ts";
export * from "./losses.ts";
export * from "./low_rank_divide.ts";
export * from "./patches.ts";
export * from "./pool.ts";
export * from "./projected_moments.ts";
export * from "./reductions.ts";
export * from "./rotate.ts";
export * from "./row_norm.ts";
export * from "./row_squared_norms.ts";
export * from "./second_moment.ts";
export * from "./squared_projection.ts";
export * from "./table_rows.ts";
export * from "./transport.ts";
