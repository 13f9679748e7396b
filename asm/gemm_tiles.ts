// The register tiles of `gemm`: a TILE_ROWS x 8, 4 x 8 or 3 x 12 block of C is kept in registers over
// all of k.
//
//   tile = sum_p a[:, p] b[p, :],   C = alpha tile + beta C
//
// a is TILE_ROWS x k, in one of two layouts: "columns", the numbers of a column side by side,
// columns `strideA` bytes apart (packed, or a transposed matrix as it lies); or "rows", each row
// contiguous, rows `strideA` bytes apart (a plain matrix as it lies). b is k x 8 or k x 12, each
// row contiguous, rows `strideB` bytes apart. C rows are `strideC` bytes apart.
//
// Wide tiles have six rows, or five in the baseline build; see TILE_ROWS, a constant that decides
// at compile time. Loops are not unrolled: that only makes register allocators spill. The broad
// tiles serve the last columns, nine to twelve of them, which would fill two wide ones badly.
// Order of summation: p ascending, one sum per entry of C.

import { fma, TILE_ROWS } from "./fma";

/** Columns of the wide tiles. */
export const WIDE: i32 = 8;
/** Columns of the broad tiles. */
export const BROAD: i32 = 12;
/** Rows of the broad tiles. */
export const BROAD_ROWS: i32 = 3;

/** Four entries of C; C is not read when beta is 0, so that NaN there does no harm. */
@inline
function put(c: usize, alpha: v128, beta: v128, keep: bool, sum: v128): void {
  v128.store(c, keep ? fma(sum, alpha, f32x4.mul(v128.load(c), beta)) : f32x4.mul(sum, alpha));
}

/** A wide tile, a by columns. */
export function wideColumns(
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  strideA: usize,
  b: usize,
  strideB: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  for (let p = 0; p < k; p++) {
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
    a += strideA;
    b += strideB;
  }
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  put(c, al, be, keep, c00);
  put(c + 16, al, be, keep, c01);
  c += strideC;
  put(c, al, be, keep, c10);
  put(c + 16, al, be, keep, c11);
  c += strideC;
  put(c, al, be, keep, c20);
  put(c + 16, al, be, keep, c21);
  c += strideC;
  put(c, al, be, keep, c30);
  put(c + 16, al, be, keep, c31);
  c += strideC;
  put(c, al, be, keep, c40);
  put(c + 16, al, be, keep, c41);
  if (TILE_ROWS == 6) {
    c += strideC;
    put(c, al, be, keep, c50);
    put(c + 16, al, be, keep, c51);
  }
}

/** Four rows of a wide tile, a by columns: the last rows of a matrix, when they are no more. */
export function fourColumns(
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  strideA: usize,
  b: usize,
  strideB: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  for (let p = 0; p < k; p++) {
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
    a += strideA;
    b += strideB;
  }
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  put(c, al, be, keep, c00);
  put(c + 16, al, be, keep, c01);
  c += strideC;
  put(c, al, be, keep, c10);
  put(c + 16, al, be, keep, c11);
  c += strideC;
  put(c, al, be, keep, c20);
  put(c + 16, al, be, keep, c21);
  c += strideC;
  put(c, al, be, keep, c30);
  put(c + 16, al, be, keep, c31);
}

/** A wide tile, a by rows. */
export function wideRows(
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  strideA: usize,
  b: usize,
  strideB: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  let c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  let a0 = a, a1 = a0 + strideA, a2 = a1 + strideA;
  let a3 = a2 + strideA, a4 = a3 + strideA, a5 = a4 + strideA;
  for (let p = 0; p < k; p++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let t = v128.load32_splat(a0);
    c00 = fma(t, b0, c00);
    c01 = fma(t, b1, c01);
    t = v128.load32_splat(a1);
    c10 = fma(t, b0, c10);
    c11 = fma(t, b1, c11);
    t = v128.load32_splat(a2);
    c20 = fma(t, b0, c20);
    c21 = fma(t, b1, c21);
    t = v128.load32_splat(a3);
    c30 = fma(t, b0, c30);
    c31 = fma(t, b1, c31);
    t = v128.load32_splat(a4);
    c40 = fma(t, b0, c40);
    c41 = fma(t, b1, c41);
    if (TILE_ROWS == 6) {
      t = v128.load32_splat(a5);
      c50 = fma(t, b0, c50);
      c51 = fma(t, b1, c51);
    }
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    b += strideB;
  }
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  put(c, al, be, keep, c00);
  put(c + 16, al, be, keep, c01);
  c += strideC;
  put(c, al, be, keep, c10);
  put(c + 16, al, be, keep, c11);
  c += strideC;
  put(c, al, be, keep, c20);
  put(c + 16, al, be, keep, c21);
  c += strideC;
  put(c, al, be, keep, c30);
  put(c + 16, al, be, keep, c31);
  c += strideC;
  put(c, al, be, keep, c40);
  put(c + 16, al, be, keep, c41);
  if (TILE_ROWS == 6) {
    c += strideC;
    put(c, al, be, keep, c50);
    put(c + 16, al, be, keep, c51);
  }
}

/** A broad tile; entry (i, p) of a lies i rowA + p colA bytes from `a`. Has two or three rows. */
export function broad(
  rows: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  rowA: usize,
  colA: usize,
  b: usize,
  strideB: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00;
  let c20 = c00, c21 = c00, c22 = c00;
  // A missing row is computed from one that is there.
  let a0 = a, a1 = a0 + rowA, a2 = rows > 2 ? a1 + rowA : a1;
  for (let p = 0; p < k; p++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32);
    let t = v128.load32_splat(a0);
    c00 = fma(t, b0, c00);
    c01 = fma(t, b1, c01);
    c02 = fma(t, b2, c02);
    t = v128.load32_splat(a1);
    c10 = fma(t, b0, c10);
    c11 = fma(t, b1, c11);
    c12 = fma(t, b2, c12);
    t = v128.load32_splat(a2);
    c20 = fma(t, b0, c20);
    c21 = fma(t, b1, c21);
    c22 = fma(t, b2, c22);
    a0 += colA;
    a1 += colA;
    a2 += colA;
    b += strideB;
  }
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  put(c, al, be, keep, c00);
  put(c + 16, al, be, keep, c01);
  put(c + 32, al, be, keep, c02);
  c += strideC;
  put(c, al, be, keep, c10);
  put(c + 16, al, be, keep, c11);
  put(c + 32, al, be, keep, c12);
  if (rows == 2) return;
  c += strideC;
  put(c, al, be, keep, c20);
  put(c + 16, al, be, keep, c21);
  put(c + 32, al, be, keep, c22);
}
