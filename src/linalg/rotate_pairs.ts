/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864): pairs of channels turned by angles that grow with the position.
 *
 * @module
 */

import { type DenseMatrix, denseMatrix } from "./dense_matrix.ts";

/**
 * The angles of a head: `cos(t base^(-2 i / width))` and the sine, at columns 2 i and 2 i + 1.
 *
 * @param positions T.
 * @param width Channels of a head, even.
 * @param base What the slowest pair turns by. @default {10000}
 * @param direction 1, or -1 to turn back. @default {1}
 * @returns [T, width].
 *
 * @example The first pair turns by one radian a position
 * ```ts
 * import assert from "node:assert/strict";
 * import { denseMatrix, rotaryTurns, rotatePairs } from "@tekfac/tekfac/linalg";
 *
 * const turns = rotaryTurns(2, 2);
 * const x = denseMatrix(2, 3, [1, 0, 7, 1, 0, 8]); // the third column is none of a pair
 * const y = rotatePairs(x, turns, 2);
 * assert.deepEqual([...y.data], [1, 0, 7, Math.cos(1), Math.sin(1), 8]);
 * const back = rotatePairs(y, rotaryTurns(2, 2, 10000, -1), 2);
 * assert(Math.abs(back.data[3] - 1) < 1e-15);
 * ```
 */
export function rotaryTurns(
  positions: number,
  width: number,
  base = 10000,
  direction: 1 | -1 = 1,
): DenseMatrix {
  const out = denseMatrix(positions, width);
  out.data.forEach((_, at) => {
    const [t, c] = [Math.floor(at / width), at % width];
    const angle = t * base ** (-2 * Math.floor(c / 2) / width);
    out.data[at] = c % 2 === 0 ? Math.cos(angle) : direction * Math.sin(angle);
  });
  return out;
}

/**
 * Pairs `(x_2i, x_2i+1)` of the first `columns` columns, turned by the angles of the row's position; the rest is
 * copied.
 *
 * @param x [N T, C].
 * @param turns [T, width] of {@linkcode rotaryTurns}, for every `width` columns alike.
 * @param columns A multiple of the width.
 * @returns [N T, C].
 */
export function rotatePairs(x: DenseMatrix, turns: DenseMatrix, columns: number): DenseMatrix {
  const out = denseMatrix(x.rows, x.cols, x.data);
  for (let r = 0; r < x.rows; r++) {
    const turn = turns.data.subarray(r % turns.rows * turns.cols);
    for (let c = 0; c < columns; c += 2) {
      const at = r * x.cols + c, pair = c % turns.cols;
      const [u, v, cosine, sine] = [x.data[at], x.data[at + 1], turn[pair], turn[pair + 1]];
      out.data[at] = u * cosine - v * sine;
      out.data[at + 1] = u * sine + v * cosine;
    }
  }
  return out;
}
