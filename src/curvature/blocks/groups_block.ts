/**
 * Which block a convolution with groups has.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Parameter } from "../../core/parameter.ts";
import { independent, traceKeeping } from "../fisher.ts";
import type { Block, LayerBlockContext } from "./block.ts";
import { DepthwiseBlock } from "./depthwise.ts";
import { GroupedBlock } from "./grouped.ts";

/** Sides of the factors up to which all channels of a depthwise convolution are taken together. */
const DEPTHWISE_MOST = 64;

/**
 * The block that a convolution with groups makes itself: a {@linkcode GroupedBlock}, or for EKFAC and TEKFAC of a
 * depthwise convolution with one output a channel and a window of at most 63 pixels a {@linkcode DepthwiseBlock}, whose
 * rank is full. The caller disposes it.
 *
 * @param options Of the optimizer.
 * @throws {ShapeError} When the parameter is not a convolution's.
 *
 * @example A model of one's own gives it to its convolutions with groups
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { GroupedBlock, groupsBlock, KfacBlock } from "@tekfac/tekfac/curvature";
 * import { conv2d, sequential } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * const layers = [conv2d(4, { kernel: 3, groups: 2 })];
 * using model = sequential(backend, { input: [5, 5, 4], layers, seed: 1 });
 * using block = groupsBlock(backend, model.parameters[0], {
 *   method: "kfac",
 *   damping: { kind: "absolute", lambda: 1 },
 *   part: (...of) => new KfacBlock(...of),
 * });
 * assert(block instanceof GroupedBlock);
 * assert.equal(block.parts.length, 2);
 * ```
 */
export function groupsBlock(
  backend: Backend,
  parameter: Parameter,
  options: LayerBlockContext,
): Block {
  const { name, layer, value: { rows, cols } } = parameter;
  const { method, part, exponent = 1, eigenvaluesFrom = "captures", ...context } = options;
  const { statistic = method === "ekfac" ? independent : traceKeeping } = options;
  if (layer.kind !== "conv2d") {
    throw new ShapeError(`Cannot make the block of '${name}'`, "a convolution", layer.kind);
  }
  const { groups = 1, channels } = layer.geometry;
  const oneEach = groups === channels && groups === rows && cols <= DEPTHWISE_MOST;
  const measured = method === "ekfac" || method === "tekfac";
  if (oneEach && measured && [independent, traceKeeping].includes(statistic)) {
    return new DepthwiseBlock(backend, parameter, {
      ...context,
      method,
      exponent,
      eigenvaluesFrom,
    });
  }
  return new GroupedBlock(backend, parameter, layer.geometry, context, part);
}
