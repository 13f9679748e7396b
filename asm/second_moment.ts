// secondMoment: C = decay C + scale X^T diag(w) X, symmetric.
//
// X [n, d] row-major; w [n] contiguous, or absent (pointer 0) for ones; C [d, d]. C is not read
// when decay is 0. Of C's old content the upper triangle counts.
//
// Tiles that touch the upper triangle are computed by the blocked product of gemm.ts, the weights
// entering as X is packed; then the lower triangle is filled in, four by four. Ranges of columns,
// with the rows they become below the diagonal, do not depend on each other.
// Denormal results become 0: averages of units that have died decay into that range, where every
// later operation on them would cost a hundred cycles.

import { gemmWorkspace, multiply } from "./gemm";
import { at, flush, flushOne, interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";

/** Bytes of workspace of {@link secondMoment}. */
export function secondMomentWorkspace(n: i32, d: i32): usize {
  return gemmWorkspace(d, d, n);
}

/** C = decay C + scale X^T diag(w) X; `weights` may be 0. */
export function secondMoment(
  n: i32,
  d: i32,
  decay: f32,
  scale: f32,
  c: usize,
  strideC: i32,
  x: usize,
  strideX: i32,
  weights: usize,
  workspace: usize,
): void {
  // deno-fmt-ignore
  secondMomentColumns(0, d, n, decay, scale, c, strideC, x, strideX, weights, workspace);
}

/** Columns `from` (a multiple of 4) to `to` above and on the diagonal, and what they mirror to. */
export function secondMomentColumns(
  from: i32,
  to: i32,
  n: i32,
  decay: f32,
  scale: f32,
  c: usize,
  strideC: i32,
  x: usize,
  strideX: i32,
  weights: usize,
  workspace: usize,
): void {
  const lc = <usize>strideC << 2, lx = <usize>strideX << 2;
  const cols = to - from, right = at(x, from), above = at(c, from);
  if (from > 0) {
    // deno-fmt-ignore
    multiply(
      from, cols, n, scale, decay, above, lc, x, 4, lx, right, lx, 4, weights, false, workspace,
    );
  }
  // deno-fmt-ignore
  multiply(
    cols, cols, n, scale, decay, above + <usize>from * lc, lc, right, 4, lx, right, lx, 4,
    weights, true, workspace,
  );
  mirrorColumns(from, to, c, lc);
}

/** Makes C symmetric from its upper triangle and flushes denormals. Rows `stride` bytes apart. */
export function mirrorUpper(d: i32, c: usize, stride: usize): void {
  mirrorColumns(0, d, c, stride);
}

/**
 * The same for the triangle's columns `from` to `to`. Sixteen rows at a time, so that a line of the
 * cache is filled before it is left.
 */
function mirrorColumns(from: i32, to: i32, c: usize, stride: usize): void {
  for (let top = 0; top < to; top += 16) {
    for (let j = max(top, from); j < to; j += 4) {
      for (let i = top; i < top + 16 && i <= j; i += 4) {
        const upper = at(c + <usize>i * stride, j), lower = at(c + <usize>j * stride, i);
        if (i == j) mirrorCorner(min(4, to - i), upper, stride);
        else if (j + 4 <= to) mirrorTile(upper, lower, stride);
        else mirrorEdge(to - j, upper, lower, stride);
      }
    }
  }
}

/** A 4 x 4 tile above the diagonal and its transpose below. */
@inline
function mirrorTile(upper: usize, lower: usize, stride: usize): void {
  const r0 = flush(v128.load(upper)), r1 = flush(v128.load(upper + stride));
  const r2 = flush(v128.load(upper + 2 * stride)), r3 = flush(v128.load(upper + 3 * stride));
  v128.store(upper, r0);
  v128.store(upper + stride, r1);
  v128.store(upper + 2 * stride, r2);
  v128.store(upper + 3 * stride, r3);
  const low01 = interleaveLow(r0, r1), high01 = interleaveHigh(r0, r1);
  const low23 = interleaveLow(r2, r3), high23 = interleaveHigh(r2, r3);
  v128.store(lower, joinLow(low01, low23));
  v128.store(lower + stride, joinHigh(low01, low23));
  v128.store(lower + 2 * stride, joinLow(high01, high23));
  v128.store(lower + 3 * stride, joinHigh(high01, high23));
}

/** A square on the diagonal, n <= 4. */
function mirrorCorner(n: i32, c: usize, stride: usize): void {
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const x = flushOne(load<f32>(at(c + <usize>i * stride, j)));
      store<f32>(at(c + <usize>i * stride, j), x);
      store<f32>(at(c + <usize>j * stride, i), x);
    }
  }
}

/** Fewer than four columns at the right end, and the rows they become. */
function mirrorEdge(cols: i32, upper: usize, lower: usize, stride: usize): void {
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < cols; j++) {
      const x = flushOne(load<f32>(at(upper + <usize>i * stride, j)));
      store<f32>(at(upper + <usize>i * stride, j), x);
      store<f32>(at(lower + <usize>j * stride, i), x);
    }
  }
}
