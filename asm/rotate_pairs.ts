// Pairs of columns turned by the angles of their row's position: out_2i = x_2i c - x_2i+1 s,
// out_2i+1 = x_2i s + x_2i+1 c, (c, s) at columns 2i and 2i+1 of turns [positions, width], which repeat over the first
// `columns` columns of x [n, cols]; the rest is copied. out may be x.

import { at, load4, storeTail } from "./simd";

/** Positions turn with the rows. */
export function rotatePairs(
  rows: i32,
  cols: i32,
  columns: i32,
  positions: i32,
  width: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  turns: usize,
  strideTurns: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const from = at(x, r * strideX), to = at(out, r * strideOut);
    const turn = at(turns, (r % positions) * strideTurns);
    for (let first = 0; first < columns; first += width) {
      for (let c = 0; c < width; c += 4) {
        const left = width - c;
        const v = load4(at(from, first + c), left), w = load4(at(turn, c), left);
        const swapped = i32x4.shuffle(v, v, 1, 0, 3, 2);
        const cosines = i32x4.shuffle(w, w, 0, 0, 2, 2);
        // -s for the first of a pair, s for the second.
        const sines = f32x4.mul(i32x4.shuffle(w, w, 1, 1, 3, 3), f32x4(-1, 1, -1, 1));
        const turned = f32x4.add(f32x4.mul(v, cosines), f32x4.mul(swapped, sines));
        if (left >= 4) v128.store(at(to, first + c), turned);
        else storeTail(at(to, first + c), turned, left);
      }
    }
    if (out != x) {
      memory.copy(at(to, columns), at(from, columns), <usize>(cols - columns) << 2);
    }
  }
}
