/**
 * Reading where it means no waiting.
 *
 * @module
 */

import type { Backend } from "./backend.ts";
import type { Matrix } from "../core/matrix.ts";

/** A matrix's numbers, or `undefined` on a GPU, where the host would have to wait for them. */
export function readAtOnce(backend: Backend, matrix: Matrix): ArrayLike<number> | undefined {
  return backend.sync ? backend.readSync(matrix) : undefined;
}
