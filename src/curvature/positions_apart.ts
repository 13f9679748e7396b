/**
 * Positions as examples of their own, for eigenvalues that are measured.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import type { Capture } from "../core/capture.ts";
import { locationsOf, patchLength } from "../core/geometry.ts";

/**
 * What Theta is the second moment of, where an example has several locations (positions of a sequence, pixels):
 * - `summed`: the example's gradient, `E[(q_i^T sum_t g_t abar_t^T q_j)^2]`, whose trace is the Fisher's;
 * - `apart`: each location's, `E[sum_t (q_i^T g_t)^2 (q_j^T abar_t)^2]`, as if what couples locations were nothing. It
 *   sees T times as many examples, and its trace is delta, that of TKFAC.
 */
export type LocationsOfTheta = "summed" | "apart";

/**
 * A capture whose examples are the locations of another, in scratch memory. One of a dense layer on features, of elements
 * or of a convolution with groups is given back as it is.
 *
 * @example Two positions that cancel in the sum
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { resolveWindow } from "@tekfac/tekfac/core";
 * import { positionsApart } from "@tekfac/tekfac/curvature";
 * import { denseMatrix } from "@tekfac/tekfac/linalg";
 * import { upload } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using images = upload(backend, denseMatrix(2, 1, [1, 1]));
 * using outputGradients = upload(backend, denseMatrix(2, 1, [3, -3]));
 * using theta = backend.alloc(1, 1);
 * const geometry = { ...resolveWindow("My layer", [2, 1, 1], { kernel: 1 }), bias: false };
 * const capture = { kind: "conv2d", examples: 1, geometry, images, outputGradients } as const;
 * backend.squaredProjection(theta, capture);
 * assert.equal(backend.readSync(theta)[0], 0);
 * backend.scope(() => {
 *   const each = positionsApart(backend, capture);
 *   if (each.kind === "dense") backend.squaredProjection(theta, each);
 * });
 * assert.equal(backend.readSync(theta)[0], 9 + 9);
 * ```
 */
export function positionsApart(backend: Backend, capture: Capture): Capture {
  if (capture.kind === "embedding") {
    const { kind, tokens, outputGradients } = capture;
    return { kind, tokens, outputGradients, examples: tokens.cols };
  }
  if (capture.kind !== "conv2d" || (capture.geometry.groups ?? 1) > 1) return capture;
  const { geometry, images, outputGradients } = capture;
  const examples = capture.examples * locationsOf(geometry);
  const inputs = backend.scratch(examples, patchLength(geometry));
  backend.patches(inputs, images, geometry);
  return { kind: "dense", examples, inputs, outputGradients };
}
