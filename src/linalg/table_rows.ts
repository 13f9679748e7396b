/**
 * Rows of a table by their numbers: the mathematics of an embedding, whose inputs are tokens.
 *
 * Tokens are integers in [0, V); any other number names no row: it reads zeros and adds nothing.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * `out_i = table_(token i)`.
 *
 * @param table [V, d].
 * @param tokens n numbers of rows, in any shape.
 * @returns [n, d].
 *
 * @example The second row, twice, and the sum of what comes back
 * ```ts
 * import assert from "node:assert/strict";
 * import * as linalg from "@tekfac/tekfac/linalg";
 *
 * const table = linalg.denseMatrix(2, 1, [10, 20]);
 * const tokens = linalg.denseMatrix(1, 3, [1, 0, 1]);
 * assert.deepEqual([...linalg.gatherRows(table, tokens).data], [20, 10, 20]);
 *
 * const g = linalg.denseMatrix(3, 1, [1, 2, 3]);
 * assert.deepEqual([...linalg.scatterRows(2, tokens, g).data], [2, 4]);
 * assert.deepEqual([...linalg.mergeRows(tokens, g).data], [4, 2, 0]);
 * ```
 */
export function gatherRows(table: DenseMatrix, tokens: DenseMatrix): DenseMatrix {
  const { rows, cols } = table;
  const out = denseMatrix(tokens.data.length, cols);
  tokens.data.forEach((token, i) => {
    if (isRow(token, rows)) {
      out.data.set(table.data.subarray(token * cols, (token + 1) * cols), i * cols);
    }
  });
  return out;
}

/**
 * `out_v = sum of x_i over all i whose token is v`, the transpose of {@linkcode gatherRows}.
 *
 * @param rows V.
 * @param tokens n numbers of rows, in any shape.
 * @param x [n, d].
 * @returns [V, d].
 */
export function scatterRows(rows: number, tokens: DenseMatrix, x: DenseMatrix): DenseMatrix {
  const { cols } = x;
  const out = denseMatrix(rows, cols);
  tokens.data.forEach((token, i) => {
    if (!isRow(token, rows)) return;
    for (let j = 0; j < cols; j++) out.data[token * cols + j] += x.data[i * cols + j];
  });
  return out;
}

/**
 * For each example, the sum of the rows of each token at the token's first position, and zeros at its later
 * ones: what is squared for an example's summed gradient of a table, with no table per example.
 *
 * @param tokens [N, T].
 * @param x [N T, d].
 * @returns [N T, d].
 */
export function mergeRows({ cols: positions, data }: DenseMatrix, x: DenseMatrix): DenseMatrix {
  const { cols } = x;
  const out = denseMatrix(x.rows, cols);
  data.forEach((token, i) => {
    const start = i - i % positions;
    const first = data.indexOf(token, start);
    for (let j = 0; j < cols; j++) out.data[first * cols + j] += x.data[i * cols + j];
  });
  return out;
}

function isRow(token: number, rows: number): boolean {
  return Number.isInteger(token) && token >= 0 && token < rows;
}
