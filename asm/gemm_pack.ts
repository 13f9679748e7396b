// Copies of blocks of A and B in the order in which the tiles of `gemm` read them.
//
// A block: panels of TILE_ROWS rows; inside a panel column after column, so [panel][p][row]. B
// block: panels of WIDE or BROAD columns; inside a panel row after row, so [panel][p][column].
// What a panel has beyond the block is filled with zeros. Strides are in bytes; element (i, j) lies
// at `base + i * rowStride + j * colStride`, so a transposed matrix is one with its strides
// exchanged.

import { TILE_ROWS } from "./fma";
import { BROAD } from "./gemm_tiles";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";

/** Bytes of one column of a packed panel of A. */
export const PANEL_COLUMN: usize = <usize>TILE_ROWS << 2;

/** Packs m rows of k numbers into panels of TILE_ROWS rows. */
export function packRowPanels(
  m: i32,
  k: i32,
  a: usize,
  rowStride: usize,
  colStride: usize,
  out: usize,
): void {
  const panel = <usize>(TILE_ROWS * k) << 2;
  for (let i = 0; i < m; i += TILE_ROWS) {
    const rows = min(TILE_ROWS, m - i);
    if (rows == TILE_ROWS && colStride == 4) packWholeRows(k, a, rowStride, out);
    else if (rows == TILE_ROWS && rowStride == 4) packWholeColumns(k, a, colStride, out);
    else packEdge(k, TILE_ROWS, rows, a, colStride, rowStride, out);
    a += <usize>TILE_ROWS * rowStride;
    out += panel;
  }
}

/**
 * Contiguous rows, four columns at a time: a 4x4 transpose, and the rows beyond the fourth by
 * lanes.
 */
function packWholeRows(k: i32, a: usize, rowStride: usize, out: usize): void {
  let a0 = a, a1 = a0 + rowStride, a2 = a1 + rowStride;
  let a3 = a2 + rowStride, a4 = a3 + rowStride, a5 = a4 + (TILE_ROWS == 6 ? rowStride : 0);
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    const r0 = v128.load(a0), r1 = v128.load(a1), r2 = v128.load(a2), r3 = v128.load(a3);
    const r4 = v128.load(a4), r5 = v128.load(a5);
    const low01 = interleaveLow(r0, r1), high01 = interleaveHigh(r0, r1);
    const low23 = interleaveLow(r2, r3), high23 = interleaveHigh(r2, r3);
    v128.store(out, joinLow(low01, low23));
    v128.store(out + PANEL_COLUMN, joinHigh(low01, low23));
    v128.store(out + 2 * PANEL_COLUMN, joinLow(high01, high23));
    v128.store(out + 3 * PANEL_COLUMN, joinHigh(high01, high23));
    if (TILE_ROWS == 6) {
      const low45 = interleaveLow(r4, r5), high45 = interleaveHigh(r4, r5);
      v128.store64_lane(out + 16, low45, 0);
      v128.store64_lane(out + PANEL_COLUMN + 16, low45, 1);
      v128.store64_lane(out + 2 * PANEL_COLUMN + 16, high45, 0);
      v128.store64_lane(out + 3 * PANEL_COLUMN + 16, high45, 1);
    } else {
      v128.store32_lane(out + 16, r4, 0);
      v128.store32_lane(out + PANEL_COLUMN + 16, r4, 1);
      v128.store32_lane(out + 2 * PANEL_COLUMN + 16, r4, 2);
      v128.store32_lane(out + 3 * PANEL_COLUMN + 16, r4, 3);
    }
    a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16; a5 += 16;
    out += 4 * PANEL_COLUMN;
  }
  for (; p < k; p++) {
    store<f32>(out, load<f32>(a0));
    store<f32>(out, load<f32>(a1), 4);
    store<f32>(out, load<f32>(a2), 8);
    store<f32>(out, load<f32>(a3), 12);
    store<f32>(out, load<f32>(a4), 16);
    if (TILE_ROWS == 6) store<f32>(out, load<f32>(a5), 20);
    a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4; a5 += 4;
    out += PANEL_COLUMN;
  }
}

/** TILE_ROWS adjacent numbers of each of k columns of A, columns `colStride` apart. */
function packWholeColumns(k: i32, a: usize, colStride: usize, out: usize): void {
  for (let p = 0; p < k; p++) {
    v128.store(out, v128.load(a));
    if (TILE_ROWS == 6) store<u64>(out, load<u64>(a, 16), 16);
    else store<f32>(out, load<f32>(a, 16), 16);
    a += colStride;
    out += PANEL_COLUMN;
  }
}

/**
 * Packs `cols` columns of k rows into one panel of `width` columns. With `weights` (not 0) row p is
 * multiplied by weight p.
 */
export function packColumnPanel(
  k: i32,
  width: i32,
  cols: i32,
  b: usize,
  rowStride: usize,
  colStride: usize,
  weights: usize,
  out: usize,
): void {
  if (cols == width && colStride == 4) {
    if (weights != 0) packWeightedRows(k, width, b, rowStride, weights, out);
    else packRowsOfPanel(k, width, b, rowStride, out);
    return;
  }
  if (cols == width && rowStride == 4) {
    for (let j = 0; j < width; j += 4) {
      const source = b + <usize>j * colStride;
      packFourColumns(k, <usize>width << 2, source, colStride, out + (<usize>j << 2));
    }
  } else {
    packEdge(k, width, cols, b, rowStride, colStride, out);
  }
  if (weights != 0) weighRows(k, width, weights, out);
}

/** Rows whose numbers are contiguous: plain copies of 8 or 12 numbers. */
function packRowsOfPanel(k: i32, width: i32, b: usize, rowStride: usize, out: usize): void {
  const rest = width == BROAD;
  for (let p = 0; p < k; p++) {
    v128.store(out, v128.load(b));
    v128.store(out, v128.load(b, 16), 16);
    if (rest) v128.store(out, v128.load(b, 32), 32);
    b += rowStride;
    out += <usize>width << 2;
  }
}

/** The same, row p multiplied by weight p. */
function packWeightedRows(
  k: i32,
  width: i32,
  b: usize,
  rowStride: usize,
  weights: usize,
  out: usize,
): void {
  const rest = width == BROAD;
  for (let p = 0; p < k; p++) {
    const w = v128.load32_splat(weights);
    v128.store(out, f32x4.mul(w, v128.load(b)));
    v128.store(out, f32x4.mul(w, v128.load(b, 16)), 16);
    if (rest) v128.store(out, f32x4.mul(w, v128.load(b, 32)), 32);
    weights += 4;
    b += rowStride;
    out += <usize>width << 2;
  }
}

/** Four contiguous columns, four rows at a time, into rows `outStride` apart. */
function packFourColumns(k: i32, outStride: usize, b: usize, colStride: usize, out: usize): void {
  let b0 = b, b1 = b0 + colStride, b2 = b1 + colStride, b3 = b2 + colStride;
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    const c0 = v128.load(b0), c1 = v128.load(b1), c2 = v128.load(b2), c3 = v128.load(b3);
    const low01 = interleaveLow(c0, c1), high01 = interleaveHigh(c0, c1);
    const low23 = interleaveLow(c2, c3), high23 = interleaveHigh(c2, c3);
    v128.store(out, joinLow(low01, low23));
    out += outStride;
    v128.store(out, joinHigh(low01, low23));
    out += outStride;
    v128.store(out, joinLow(high01, high23));
    out += outStride;
    v128.store(out, joinHigh(high01, high23));
    out += outStride;
    b0 += 16; b1 += 16; b2 += 16; b3 += 16;
  }
  for (; p < k; p++) {
    store<f32>(out, load<f32>(b0));
    store<f32>(out, load<f32>(b1), 4);
    store<f32>(out, load<f32>(b2), 8);
    store<f32>(out, load<f32>(b3), 12);
    out += outStride;
    b0 += 4; b1 += 4; b2 += 4; b3 += 4;
  }
}

/** Any strides, fewer than `width` numbers of each of k lines: one by one, zeros behind. */
function packEdge(
  k: i32,
  width: i32,
  count: i32,
  source: usize,
  lineStride: usize,
  stride: usize,
  out: usize,
): void {
  for (let p = 0; p < k; p++) {
    let q = source;
    let j = 0;
    for (; j < count; j++) {
      store<f32>(out, load<f32>(q));
      q += stride;
      out += 4;
    }
    for (; j < width; j++) {
      store<f32>(out, 0);
      out += 4;
    }
    source += lineStride;
  }
}

/** Multiplies row p of a packed panel by weight p, where packing was too irregular to do it. */
function weighRows(k: i32, width: i32, weights: usize, out: usize): void {
  for (let p = 0; p < k; p++) {
    const w = v128.load32_splat(weights);
    for (let j = 0; j < width; j += 4) {
      v128.store(out, f32x4.mul(v128.load(out), w));
      out += 16;
    }
    weights += 4;
  }
}
