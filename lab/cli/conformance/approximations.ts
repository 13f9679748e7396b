/**
 * The Fisher block of a layer and the blocks' approximations of it as dense matrices in float64, built
 * from what the blocks hold. Columns stay in the stored order: norms and traces do not depend on it.
 *
 * @module
 */

import { toDense } from "@tekfac/tekfac/curvature";
import {
  type DenseMatrix,
  denseMatrix,
  fisherBlock,
  mapMatrix,
  perExampleGradients,
} from "@tekfac/tekfac/linalg";
import { toPublicOrder } from "@tekfac/tekfac/nn";
import { download, type ObservedLayer } from "./observed_layer.ts";

/** Methods whose dense form the golden cases compare with F. */
export const APPROXIMATIONS = ["kfac", "ekfac", "tkfac", "tekfac"] as const;

/** The approximation that a block stands for, [dOut dIn', dOut dIn']. */
export async function approximationOf(
  { backend, blocks }: ObservedLayer,
  method: typeof APPROXIMATIONS[number],
): Promise<DenseMatrix> {
  return await download(backend, toDense(backend, blocks[method]));
}

/** Rows of homogeneous inputs `abar_nt`, [N T, dIn'], as the library sees them. */
export function homogeneousInputs(
  { backend, capture, parameter }: ObservedLayer,
): Promise<DenseMatrix> {
  if (capture.kind === "dense") return download(backend, capture.inputs);
  const patches = backend.scratch(capture.outputGradients.rows, parameter.value.cols);
  backend.patches(patches, capture.images, capture.geometry);
  return download(backend, patches);
}

/**
 * `F = E[vec G_n vec G_n^T]` in the stored and, for comparison with a golden F, the public order.
 *
 * @param inputs The layer's {@linkcode homogeneousInputs}.
 */
export function fisherOf(
  { outputGradients, examples, parameter }: ObservedLayer,
  inputs: DenseMatrix,
): { stored: DenseMatrix; public: DenseMatrix } {
  const gradients = perExampleGradients(inputs, outputGradients, examples);
  const reordered = gradients.map(({ rows, cols, data }) =>
    denseMatrix(rows, cols, toPublicOrder(parameter.layer, data))
  );
  return { stored: fisherBlock(gradients), public: fisherBlock(reordered) };
}

/** The block that F would be if locations were uncorrelated: `E[sum_t vec G_nt vec G_nt^T]`. */
export function uncorrelatedFisherOf(
  { outputGradients, examples }: ObservedLayer,
  inputs: DenseMatrix,
): DenseMatrix {
  const each = perExampleGradients(inputs, outputGradients, outputGradients.rows);
  const locations = outputGradients.rows / examples;
  return mapMatrix(fisherBlock(each), (value) => value * locations);
}
