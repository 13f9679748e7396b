/**
 * Reading where it means no waiting.
 *
 * @module
 */

import type { Backend } from "./backend.ts";
import type { Matrix } from "../core/matrix.ts";

/** Reads at once; `undefined` on a GPU, where the host would have to wait. */
export function readerOf(
  backend: Backend,
): ((matrix: Matrix) => Float32Array | Float64Array) | undefined {
  return backend.sync ? (matrix) => backend.readSync(matrix) : undefined;
}

/** A matrix's numbers, or `undefined` where the host would have to wait for them. */
export function readAtOnce(backend: Backend, matrix: Matrix): ArrayLike<number> | undefined {
  return readerOf(backend)?.(matrix);
}
