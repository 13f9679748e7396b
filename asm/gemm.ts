// gemm: C = beta C + alpha op(A) op(B), op(X) = X or X^T.
//
// op(A) [m, k], op(B) [k, n], C [m, n]; row-major, any row strides. C is not read when beta is 0.
//
// Blocks of op(B) (BLOCK_K x BLOCK_N) and op(A) (BLOCK_M x BLOCK_K), evened out, are packed for the
// register tiles of gemm_tiles.ts: a panel of B stays in the first cache while all panels of A pass
// by, and those in the second. Where copying costs more than it saves, the tiles read the matrices
// as they lie: only panels at the edges are then packed, padded with zeros.
// Order of summation: k in blocks of BLOCK_K; inside a block ascending, one sum per entry.

import { fma, TILE_ROWS } from "./fma";
import { packColumnPanel, packRowPanels, PANEL_COLUMN } from "./gemm_pack";
import {
  BROAD,
  broad,
  BROAD_ROWS,
  fourColumns,
  WIDE,
  wideColumns,
  wideRows,
} from "./gemm_tiles";
import { align64, at, loadTail, storeTail } from "./simd";

/** Largest blocks; BLOCK_M is a multiple of TILE_ROWS in both builds, BLOCK_N of WIDE. */
const BLOCK_M: i32 = 240;
const BLOCK_N: i32 = 512;
const BLOCK_K: i32 = 512;

/** Bytes of the buffer that tiles at the edge of C go through, and of its rows. */
export const EDGE_BYTES: usize = 320;
const EDGE_ROW: usize = 48;

/** Bytes of workspace of {@link gemm} and {@link multiply}. */
export function gemmWorkspace(m: i32, n: i32, k: i32): usize {
  const kc = <usize>min(k, BLOCK_K);
  return EDGE_BYTES + align64(<usize>(min(m, BLOCK_M) + TILE_ROWS) * kc * 4) +
    align64(<usize>(min(n, BLOCK_N) + WIDE) * kc * 4);
}

/** C = beta C + alpha op(A) op(B); `transposeA` and `transposeB` are 0 or 1. */
export function gemm(
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: i32,
  a: usize,
  strideA: i32,
  transposeA: i32,
  b: usize,
  strideB: i32,
  transposeB: i32,
  workspace: usize,
): void {
  const la = <usize>strideA << 2, lb = <usize>strideB << 2;
  // deno-fmt-ignore
  multiply(
    m, n, k, alpha, beta, c, <usize>strideC << 2,
    a, transposeA ? 4 : la, transposeA ? la : 4, b, transposeB ? 4 : lb, transposeB ? lb : 4,
    0, false, workspace,
  );
}

/**
 * The same for operands of any byte strides (one of the two of each operand is 4), with two
 * additions: `weights` (not 0) makes it op(A) diag(w) op(B), and `upperOnly` leaves out tiles of C
 * that lie wholly below the diagonal, for symmetric results.
 */
export function multiply(
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  rowA: usize,
  colA: usize,
  b: usize,
  rowB: usize,
  colB: usize,
  weights: usize,
  upperOnly: bool,
  workspace: usize,
): void {
  if (k <= 0) {
    scaleRows(m, n, beta, c, strideC);
    return;
  }
  const packedA = workspace + EDGE_BYTES;
  const packedB = packedA + align64(<usize>((min(m, BLOCK_M) + TILE_ROWS) * min(k, BLOCK_K)) << 2);
  const inPlaceA = readsInPlaceA(n, min(k, BLOCK_K), colA);
  const inPlaceB = colB == 4 && weights == 0 &&
    readsInPlaceB(m, <usize>min(k, BLOCK_K) * rowB);
  const stepM = evenly(m, BLOCK_M, TILE_ROWS), stepN = evenly(n, BLOCK_N, WIDE);
  const stepK = evenly(k, BLOCK_K, 1);
  for (let j = 0; j < n; j += stepN) {
    const nc = min(stepN, n - j);
    for (let p = 0; p < k; p += stepK) {
      const kc = min(stepK, k - p);
      const keep: f32 = p == 0 ? beta : 1;
      const bp = b + <usize>p * rowB + <usize>j * colB;
      const wp = weights == 0 ? 0 : weights + (<usize>p << 2);
      packColumnPanels(nc, kc, bp, rowB, colB, wp, inPlaceB, packedB);
      for (let i = 0; i < m; i += stepM) {
        const mc = min(stepM, m - i);
        if (upperOnly && i > j + nc - 1) break;
        const ap = a + <usize>i * rowA + <usize>p * colA;
        const whole = inPlaceA ? (mc / TILE_ROWS) * TILE_ROWS : 0;
        packRowPanels(mc - whole, kc, ap + <usize>whole * rowA, rowA, colA, packedA);
        const cp = c + <usize>i * strideC + (<usize>j << 2);
        const diagonal = upperOnly ? i - j : i32.MIN_VALUE;
        // deno-fmt-ignore
        multiplyBlock(
          mc, nc, kc, alpha, keep, cp, strideC, ap, rowA, colA, whole, packedA,
          bp, rowB, inPlaceB, packedB, diagonal, workspace,
        );
      }
    }
  }
}

/**
 * Rows are as good in place as packed, except in tiles of five rows, where in-place rows were
 * measured a quarter slower. Of columns a tile uses a few numbers at a time: worth it while all
 * `depth` of them stay in the second cache. Either is, when only a few tiles follow.
 */
@inline
function readsInPlaceA(n: i32, depth: i32, colA: usize): bool {
  if (n <= 2 * WIDE) return true;
  return colA == 4 ? TILE_ROWS == 6 : <usize>depth * colA <= 1 << 19;
}

/**
 * Rows of B are scattered over `bytes`: worth it while that stays close, or is read only a few
 * times.
 */
@inline
function readsInPlaceB(m: i32, bytes: usize): bool {
  return bytes <= 1 << 16 || m <= 9 * TILE_ROWS;
}

/**
 * The size, a multiple of `unit` and at most `most`, that divides n into the fewest, equal blocks.
 */
@inline
export function evenly(n: i32, most: i32, unit: i32): i32 {
  const blocks = max((n + most - 1) / most, 1);
  const even = (n + blocks - 1) / blocks;
  return (even + unit - 1) / unit * unit;
}

/** Width of the next panel when `left` columns are left. */
@inline
export function panelWidth(left: i32): i32 {
  return left > WIDE && left <= BROAD ? BROAD : WIDE;
}

/** Packs all panels of a block of B, or only the last where the others are read in place. */
function packColumnPanels(
  n: i32,
  k: i32,
  b: usize,
  rowB: usize,
  colB: usize,
  weights: usize,
  inPlace: bool,
  out: usize,
): void {
  for (let j = 0, width = 0; j < n; j += width) {
    width = panelWidth(n - j);
    const cols = min(width, n - j);
    if (!inPlace || cols < width) {
      packColumnPanel(k, width, cols, b + <usize>j * colB, rowB, colB, weights, out);
      out += <usize>(k * width) << 2;
    }
  }
}

/**
 * A block of C from a block of A, whose first `whole` rows are read in place, and a block of B.
 * Tiles whose first row lies below their last column's diagonal entry are left out; `diagonal` is
 * the block's first row minus its first column.
 */
export function multiplyBlock(
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  a: usize,
  rowA: usize,
  colA: usize,
  whole: i32,
  packedA: usize,
  b: usize,
  rowB: usize,
  inPlaceB: bool,
  packedB: usize,
  diagonal: i32,
  edge: usize,
): void {
  const panelBytes = <usize>(TILE_ROWS * k) << 2;
  for (let j = 0, width = 0; j < n; j += width) {
    width = panelWidth(n - j);
    const cols = min(width, n - j);
    let bp = packedB, strideB = <usize>width << 2;
    if (inPlaceB && cols == width) {
      bp = b + (<usize>j << 2);
      strideB = rowB;
    } else packedB += <usize>(k * width) << 2;
    let cp = c + (<usize>j << 2);
    let packed = packedA;
    for (let i = 0; i < m; i += TILE_ROWS) {
      if (diagonal + i > j + cols - 1) break;
      const rows = min(TILE_ROWS, m - i);
      const full = rows == TILE_ROWS && cols == width;
      const out = full ? cp : edge;
      const strideOut = full ? strideC : EDGE_ROW;
      const al: f32 = full ? alpha : 1, be: f32 = full ? beta : 0;
      let ap = packed, next: usize = 4, column = PANEL_COLUMN;
      if (i < whole) {
        ap = a + <usize>i * rowA;
        next = rowA;
        column = colA;
      } else packed += panelBytes;
      if (width == BROAD) {
        for (let r = 0; r < rows; r += BROAD_ROWS) {
          const to = out + <usize>r * strideOut, some = min(BROAD_ROWS, TILE_ROWS - r);
          broad(some, k, al, be, to, strideOut, ap + <usize>r * next, next, column, bp, strideB);
        }
      } else if (rows <= 4) fourColumns(k, al, be, out, strideOut, ap, column, bp, strideB);
      else if (column == 4) wideRows(k, al, be, out, strideOut, ap, next, bp, strideB);
      else wideColumns(k, al, be, out, strideOut, ap, column, bp, strideB);
      if (!full) mergeEdge(rows, cols, alpha, beta, cp, strideC, edge);
      cp += <usize>TILE_ROWS * strideC;
    }
  }
}

/** The part of a tile that belongs to C: C = beta C + alpha tile. */
function mergeEdge(
  rows: i32,
  cols: i32,
  alpha: f32,
  beta: f32,
  c: usize,
  strideC: usize,
  tile: usize,
): void {
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j += 4) {
      const x = f32x4.mul(al, v128.load(at(tile, j))), to = at(c, j), count = cols - j;
      if (count >= 4) v128.store(to, keep ? fma(be, v128.load(to), x) : x);
      else storeTail(to, keep ? fma(be, loadTail(to, count), x) : x, count);
    }
    c += strideC;
    tile += EDGE_ROW;
  }
}

/** C = beta C: what is left of the product when k is 0. */
function scaleRows(m: i32, n: i32, beta: f32, c: usize, strideC: usize): void {
  for (let i = 0; i < m; i++) {
    for (let j: usize = 0; j < <usize>n << 2; j += 4) {
      store<f32>(c + j, beta != 0 ? beta * load<f32>(c + j) : 0);
    }
    c += strideC;
  }
}
