/**
 * Weights as the rest of the world writes them.
 *
 * A convolution stores the columns of its weights in the order (kernel row, kernel column, channel),
 * so that a row of a patch is one run of an image's numbers. Papers and most frameworks write
 * (channel, kernel row, kernel column). These functions speak the public order; the bias is the last
 * column in both. For dense layers the two orders agree.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { ShapeError } from "../core/errors.ts";
import { patchOrder } from "../core/geometry.ts";
import type { LayerKind, Parameter } from "../core/parameter.ts";

/** Which of a parameter's two matrices. */
export type ParameterMatrix = "value" | "gradient";

/**
 * A copy of a parameter's weights (or gradient) in the public order.
 *
 * @param backend Where the parameter lives.
 * @param parameter A trainable matrix of a model.
 * @param which The weights or their gradient. @default {"value"}
 * @returns [dOut, dIn'] row by row. The caller owns it.
 *
 * @example Weights out of a model and back
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import {
 *   dense,
 *   readWeights,
 *   readWeightsSync,
 *   sequential,
 *   toPublicOrder,
 *   toStoredOrder,
 *   writeWeights,
 * } from "@tekfac/tekfac/nn";
 *
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * const [parameter] = model.parameters;
 * writeWeights(backend, parameter, [1, 2, 3]); // two weights, then the bias
 * assert.deepEqual([...await readWeights(backend, parameter)], [1, 2, 3]);
 * assert.deepEqual([...readWeightsSync(backend, parameter)], [1, 2, 3]);
 *
 * // Convolutions are stored in another order than they are shown in; dense layers are not.
 * const stored = toStoredOrder(parameter.layer, [1, 2, 3]);
 * assert.deepEqual([...toPublicOrder(parameter.layer, stored)], [1, 2, 3]);
 * ```
 */
export async function readWeights(
  backend: Backend,
  parameter: Parameter,
  which: ParameterMatrix = "value",
): Promise<Float64Array> {
  const stored = await backend.reading(() => backend.read(parameter[which]));
  return toPublicOrder(parameter.layer, stored);
}

/**
 * {@linkcode readWeights} at once.
 *
 * @throws {StateError} On a backend that is not synchronous.
 */
export function readWeightsSync(
  backend: Backend,
  parameter: Parameter,
  which: ParameterMatrix = "value",
): Float64Array {
  return toPublicOrder(parameter.layer, backend.readSync(parameter[which]));
}

/**
 * Sets a parameter's weights.
 *
 * @param backend Where the parameter lives.
 * @param parameter A trainable matrix of a model.
 * @param data [dOut, dIn'] row by row in the public order.
 * @throws {ShapeError} When `data` has another length.
 */
export function writeWeights(
  backend: Backend,
  parameter: Parameter,
  data: ArrayLike<number>,
): void {
  const { value } = parameter;
  const { rows, cols } = value;
  if (data.length !== rows * cols) {
    throw new ShapeError(
      `Cannot write the weights of '${parameter.name}'`,
      `[${rows}, ${cols}] = ${rows * cols} numbers`,
      `${data.length}`,
    );
  }
  backend.write(value, toStoredOrder(parameter.layer, data));
}

/** Rows of dIn' numbers, columns moved from the stored order to the public one. A copy. */
export function toPublicOrder(layer: LayerKind, stored: ArrayLike<number>): Float64Array {
  if (layer.kind !== "conv2d") return Float64Array.from(stored);
  const order = patchOrder(layer.geometry);
  const result = new Float64Array(stored.length);
  for (let row = 0; row < stored.length; row += order.length) {
    for (let i = 0; i < order.length; i++) result[row + i] = stored[row + order[i]];
  }
  return result;
}

/** Rows of dIn' numbers, columns moved from the public order to the stored one. A copy. */
export function toStoredOrder(layer: LayerKind, data: ArrayLike<number>): Float64Array {
  if (layer.kind !== "conv2d") return Float64Array.from(data);
  const order = patchOrder(layer.geometry);
  const result = new Float64Array(data.length);
  for (let row = 0; row < data.length; row += order.length) {
    for (let i = 0; i < order.length; i++) result[row + order[i]] = data[row + i];
  }
  return result;
}
