/**
 * Between arrays of jax-js and matrices of this library.
 *
 * @module
 */

import { numpy as np } from "npm:@jax-js/jax@0.1.25";
import { toPublicOrder, toStoredOrder } from "../../nn/weights.ts";
import type { Site } from "./layers.ts";
import type { JaxArray } from "./tree.ts";

/** Numbers of a site's arrays as its matrix, `[weights | bias]` with columns as the library stores them. */
export function toMatrix(site: Site, arrays: readonly ArrayLike<number>[]): Float64Array {
  const { parameter: { layer, shape: [rows, cols] }, order } = site;
  const [w, b] = arrays;
  const matrix = new Float64Array(rows * cols);
  if (order === "rows") {
    matrix.set(w);
    if (b !== undefined) matrix.set(b, w.length);
    return matrix;
  }
  const inputs = cols - (b === undefined ? 0 : 1);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inputs; j++) {
      matrix[i * cols + j] = order === "transposed" ? w[j * rows + i] : w[i * inputs + j];
    }
    if (b !== undefined) matrix[i * cols + inputs] = b[i];
  }
  return toStoredOrder(layer, matrix);
}

/** The inverse of {@linkcode toMatrix}: new arrays of jax-js by path. */
export function toArrays(site: Site, stored: ArrayLike<number>): Map<string, JaxArray> {
  const { paths } = site;
  const arrays = site.order === "rows" ? rowsOf(site, stored) : weightsOf(site, stored);
  return new Map(
    paths.map((path, i) => [path, np.array(arrays[i]).reshape([...site.shapes[i]])]),
  );
}

function rowsOf({ paths }: Site, stored: ArrayLike<number>): Float32Array<ArrayBuffer>[] {
  const size = stored.length / paths.length;
  const all = Float32Array.from(stored);
  return paths.map((_, i) => all.slice(i * size, (i + 1) * size));
}

function weightsOf(
  { parameter: { layer, shape: [rows, cols] }, paths, order }: Site,
  stored: ArrayLike<number>,
): Float32Array<ArrayBuffer>[] {
  const matrix = toPublicOrder(layer, stored);
  const inputs = cols - (paths.length - 1);
  const w = new Float32Array(rows * inputs), b = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inputs; j++) {
      w[order === "transposed" ? j * rows + i : i * inputs + j] = matrix[i * cols + j];
    }
    b[i] = matrix[i * cols + cols - 1];
  }
  return [w, b];
}
