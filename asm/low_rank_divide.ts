// lowRankFactors: what lowRankDivide multiplies with, from moments M [kOut + 1, kIn + 1].
//
//   h(x) = (max(0, x) + lambda)^-p
//   tr_i = h((M_i,kIn - sum_j M_ij) / (dIn - kIn)),  tc_j = h((M_kOut,j - sum_i M_ij) / (dOut - kOut))
//   rest = h((corner - last column - last row + block) / ((dOut - kOut)(dIn - kIn)))
//   X_ij = P_ij (h(M_ij) - tr_i - tc_j + rest),  rows_i = tr_i - rest,  columns_j = tc_j - rest
//
// Where a side is spanned by its basis there is nothing outside of it, and what would be divided there
// counts as 0: then nothing large cancels. X [kOut, kIn] may be P; all results are contiguous. Sums in
// float64, j and i ascending.

import { axpby } from "./elementwise";
import { TILE_ROWS } from "./fma";
import { EDGE_BYTES, evenly, multiplyBlock, panelWidth } from "./gemm";
import { packColumnPanel, packRowPanels } from "./gemm_pack";
import { WIDE } from "./gemm_tiles";
import { align64, at } from "./simd";

/** Returns `rest`. */
export function lowRankFactors(
  kOut: i32,
  kIn: i32,
  dOut: i32,
  dIn: i32,
  lambda: f32,
  exponent: f32,
  x: usize,
  rows: usize,
  columns: usize,
  p: usize,
  moments: usize,
  strideM: i32,
): f32 {
  const outside = <f64>(dOut - kOut), inside = <f64>(dIn - kIn);
  const last = at(moments, kOut * strideM);
  let rest = <f64>load<f32>(at(last, kIn));
  for (let j = 0; j < kIn; j++) {
    let left = <f64>load<f32>(at(last, j));
    rest -= left;
    for (let i = 0; i < kOut; i++) left -= <f64>load<f32>(at(moments, i * strideM + j));
    store<f32>(at(columns, j), <f32>inverse(left, outside, lambda, exponent));
  }
  for (let i = 0; i < kOut; i++) {
    const row = at(moments, i * strideM);
    let left = <f64>load<f32>(at(row, kIn));
    for (let j = 0; j < kIn; j++) left -= <f64>load<f32>(at(row, j));
    rest -= left;
    store<f32>(at(rows, i), <f32>inverse(left, inside, lambda, exponent));
  }
  const hRest = inverse(rest, outside * inside, lambda, exponent);
  for (let i = 0; i < kOut; i++) {
    const row = at(rows, i), hRow = <f64>load<f32>(row);
    for (let j = 0; j < kIn; j++) {
      const h = inverse(<f64>load<f32>(at(moments, i * strideM + j)), 1, lambda, exponent);
      const factor = h - hRow - <f64>load<f32>(at(columns, j)) + hRest;
      store<f32>(at(x, i * kIn + j), <f32>(<f64>load<f32>(at(p, i * kIn + j)) * factor));
    }
    store<f32>(row, <f32>(hRow - hRest));
  }
  for (let j = 0; j < kIn; j++) {
    const column = at(columns, j);
    store<f32>(column, <f32>(<f64>load<f32>(column) - hRest));
  }
  return <f32>hRest;
}

/** h of a sum that is spread over `count` directions, 0 where there is none. */
function inverse(sum: f64, count: f64, lambda: f32, exponent: f32): f64 {
  if (count == 0) return 0;
  const damped = max(0, sum / count) + <f64>lambda;
  if (exponent == 1) return 1 / damped;
  return exponent == 0.5 ? 1 / Math.sqrt(damped) : Math.pow(damped, -<f64>exponent);
}

/** Rows of a block of the result: whole tiles in both builds, few enough to stay in the second cache. */
const BLOCK_ROWS: i32 = 120;
/** Columns of a block. */
const BLOCK_COLUMNS: i32 = 512;

/** Bytes of workspace of {@link lowRankUpdate}. */
export function lowRankUpdateWorkspace(m: i32, n: i32, kOut: i32, kIn: i32): usize {
  const k = <usize>(kOut + kIn);
  return EDGE_BYTES + align64(<usize>(min(m, BLOCK_ROWS) + TILE_ROWS) * k * 4) +
    align64(<usize>(min(n, BLOCK_COLUMNS) + WIDE) * k * 4);
}

/**
 * lowRankUpdate: out = rest x + Qo^T R + C diag(w) Qi, out and x [m, n], Qo [kOut, m], R [kOut, n],
 * C [m, kIn], Qi [kIn, n], w [kIn] contiguous. One product of inner size kOut + kIn, whose operands
 * are put together as they are packed; x is read, and out written, block by block.
 */
export function lowRankUpdate(
  m: i32,
  n: i32,
  kOut: i32,
  kIn: i32,
  rest: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  qOut: usize,
  strideQOut: i32,
  r: usize,
  strideR: i32,
  c: usize,
  strideC: i32,
  qIn: usize,
  strideQIn: i32,
  weights: usize,
  workspace: usize,
): void {
  const k = kOut + kIn, lo = <usize>strideQOut << 2, lc = <usize>strideC << 2;
  const packedA = workspace + EDGE_BYTES;
  const packedB = packedA + align64(<usize>((min(m, BLOCK_ROWS) + TILE_ROWS) * k) << 2);
  const stepN = evenly(n, BLOCK_COLUMNS, WIDE), stepM = evenly(m, BLOCK_ROWS, TILE_ROWS);
  for (let j = 0; j < n; j += stepN) {
    const nc = min(stepN, n - j);
    let to = packedB;
    for (let q = 0, width = 0; q < nc; q += width) {
      width = panelWidth(nc - q);
      const cols = min(width, nc - q), first = j + q;
      packColumnPanel(kOut, width, cols, at(r, first), <usize>strideR << 2, 4, 0, to);
      to += <usize>(kOut * width) << 2;
      packColumnPanel(kIn, width, cols, at(qIn, first), <usize>strideQIn << 2, 4, weights, to);
      to += <usize>(kIn * width) << 2;
    }
    for (let i = 0; i < m; i += stepM) {
      const mc = min(stepM, m - i);
      to = packedA;
      for (let q = 0; q < mc; q += TILE_ROWS) {
        const rows = min(TILE_ROWS, mc - q), first = i + q;
        packRowPanels(rows, kOut, at(qOut, first), 4, lo, to);
        to += <usize>(TILE_ROWS * kOut) << 2;
        packRowPanels(rows, kIn, c + <usize>first * lc, lc, 4, to);
        to += <usize>(TILE_ROWS * kIn) << 2;
      }
      const block = at(out, i * strideOut + j);
      axpby(mc, nc, rest, 0, block, strideOut, at(x, i * strideX + j), strideX);
      // deno-fmt-ignore
      multiplyBlock(
        mc, nc, k, 1, 1, block, <usize>strideOut << 2, 0, 0, 0, 0, packedA,
        0, 0, false, packedB, i32.MIN_VALUE, workspace,
      );
    }
  }
}
