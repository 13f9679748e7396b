// correlate: C[i, j] += sum over positions p   a[p, i] b[p, j].
//
// The positions are images x rows x cols; from one to the next, a and b move by steps of their own,
// so that both may be windows of an image. Numbers i and j of a position are contiguous. C is a
// workspace of whole tiles: rows of a multiple of 8 numbers.
//
// Tiles of TILE_ROWS x 8 (six, or five in the baseline build) and of 4 x 8 entries are kept in
// registers over all positions. Every multiple of four is a sum of sixes (or fives) and fours, and
// only then does no tile read past the last number: a tile reads 8 numbers of b and as many of a as
// it has rows at every position, also where fewer count. Order of summation: one sum per entry in
// the order of the positions, then added to C.

import { fma, TILE_ROWS } from "./fma";

/** Where positions lie, in bytes: `...Row` and `...Image` come on top of what the columns moved. */
@unmanaged
export class Walk {
  images: i32;
  rows: i32;
  cols: i32;
  aCol: usize;
  aRow: usize;
  aImage: usize;
  bCol: usize;
  bRow: usize;
  bImage: usize;
  /** From eight numbers of b to the next eight: 32, or what lies between packed panels. */
  bPanel: usize;
}

/**
 * Rows of the next tile when `left` are left: fours until the rest is a whole number of the others.
 */
@inline
function tileRows(left: i32): i32 {
  const rest = TILE_ROWS == 6 ? (left + 1) & ~1 : left;
  return rest % TILE_ROWS == 0 ? TILE_ROWS : 4;
}

/**
 * Adds a block of m x n entries to C. With `upperOnly` tiles that lie wholly below the diagonal
 * are left out.
 */
export function correlate(
  walk: Walk,
  m: i32,
  n: i32,
  upperOnly: bool,
  a: usize,
  b: usize,
  c: usize,
  strideC: usize,
): void {
  for (let j = 0; j < n; j += 8) {
    const cj = c + (<usize>j << 2);
    const end = upperOnly ? min(m, j + 8) : m;
    for (let i = 0, rows = 0; i < end; i += rows) {
      rows = tileRows(end - i);
      const ai = a + (<usize>i << 2), ci = cj + <usize>i * strideC;
      if (rows == 4) correlateFour(walk, min(4, end - i), ai, b, ci, strideC);
      else correlateTall(walk, min(TILE_ROWS, end - i), ai, b, ci, strideC);
    }
    b += walk.bPanel;
  }
}

/** Adds a row of a tile to C. */
@inline
function add(c: usize, low: v128, high: v128): void {
  v128.store(c, f32x4.add(v128.load(c), low));
  v128.store(c, f32x4.add(v128.load(c, 16), high), 16);
}

function correlateTall(w: Walk, rows: i32, a: usize, b: usize, c: usize, strideC: usize): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  const aCol = w.aCol, bCol = w.bCol, cols = w.cols;
  for (let n = w.images; n > 0; n--) {
    for (let y = w.rows; y > 0; y--) {
      for (let x = 0; x < cols; x++) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        let t = v128.load32_splat(a);
        c00 = fma(t, b0, c00);
        c01 = fma(t, b1, c01);
        t = v128.load32_splat(a, 4);
        c10 = fma(t, b0, c10);
        c11 = fma(t, b1, c11);
        t = v128.load32_splat(a, 8);
        c20 = fma(t, b0, c20);
        c21 = fma(t, b1, c21);
        t = v128.load32_splat(a, 12);
        c30 = fma(t, b0, c30);
        c31 = fma(t, b1, c31);
        t = v128.load32_splat(a, 16);
        c40 = fma(t, b0, c40);
        c41 = fma(t, b1, c41);
        if (TILE_ROWS == 6) {
          t = v128.load32_splat(a, 20);
          c50 = fma(t, b0, c50);
          c51 = fma(t, b1, c51);
        }
        a += aCol;
        b += bCol;
      }
      a += w.aRow;
      b += w.bRow;
    }
    a += w.aImage;
    b += w.bImage;
  }
  add(c, c00, c01);
  if (rows > 1) add(c += strideC, c10, c11);
  if (rows > 2) add(c += strideC, c20, c21);
  if (rows > 3) add(c += strideC, c30, c31);
  if (rows > 4) add(c += strideC, c40, c41);
  if (TILE_ROWS == 6 && rows > 5) add(c += strideC, c50, c51);
}

function correlateFour(w: Walk, rows: i32, a: usize, b: usize, c: usize, strideC: usize): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const aCol = w.aCol, bCol = w.bCol, cols = w.cols;
  for (let n = w.images; n > 0; n--) {
    for (let y = w.rows; y > 0; y--) {
      for (let x = 0; x < cols; x++) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        let t = v128.load32_splat(a);
        c00 = fma(t, b0, c00);
        c01 = fma(t, b1, c01);
        t = v128.load32_splat(a, 4);
        c10 = fma(t, b0, c10);
        c11 = fma(t, b1, c11);
        t = v128.load32_splat(a, 8);
        c20 = fma(t, b0, c20);
        c21 = fma(t, b1, c21);
        t = v128.load32_splat(a, 12);
        c30 = fma(t, b0, c30);
        c31 = fma(t, b1, c31);
        a += aCol;
        b += bCol;
      }
      a += w.aRow;
      b += w.bRow;
    }
    a += w.aImage;
    b += w.bImage;
  }
  add(c, c00, c01);
  if (rows > 1) add(c += strideC, c10, c11);
  if (rows > 2) add(c += strideC, c20, c21);
  if (rows > 3) add(c += strideC, c30, c31);
}
