// choleskyInverse: out = (scale X + shift I)^-1, X symmetric [n, n], positive definite after the
// shift.
//
//   scale X + shift I = R^T R (R upper triangular),   L = R^-T,   out = L^T L
//
// All three steps go by blocks of BLOCK rows, so that nearly all work is in the products of
// gemm.ts; each takes n^3 / 6 multiply-adds, tiles that are known to be zero left out. X is read in
// its upper triangle only; everything happens in the workspace until success is certain.

import { fma } from "./fma";
import { gemmWorkspace, multiply } from "./gemm";
import { mirrorUpper } from "./second_moment";
import { align64, at } from "./simd";

/** Rows that are treated one by one between two products. */
const BLOCK: i32 = 32;
/**
 * Entries below the first, in units of sqrt(shift), would make denormal products; below the second,
 * in units of the shift, they do not show.
 */
const NEGLIGIBLE: f32 = 1e-18, NEGLIGIBLE_SHARE: f32 = 1e-10;

/** Bytes of workspace of {@link choleskyInverse}. */
export function choleskyWorkspace(n: i32): usize {
  return 2 * align64(<usize>(n * n) << 2) + gemmWorkspace(n, n, max(n, BLOCK));
}

/** Writes the inverse and returns 1, or returns 0 and leaves `out` as it is. */
export function choleskyInverse(
  n: i32,
  scale: f32,
  shift: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  workspace: usize,
): i32 {
  const row = <usize>n << 2, matrix = align64(<usize>n * row);
  const r = workspace, inverse = r + matrix, rest = inverse + matrix;
  const limit = min<f32>(NEGLIGIBLE * sqrt<f32>(max<f32>(shift, 0)), NEGLIGIBLE_SHARE * shift);
  for (let i = 0; i < n; i++) {
    const target = r + <usize>i * row, source = at(x, i * strideX);
    for (let j = i; j < n; j++) {
      const value = scale * load<f32>(at(source, j));
      store<f32>(at(target, j), abs(value) < limit ? 0 : value);
    }
    store<f32>(at(target, i), load<f32>(at(target, i)) + shift);
  }
  if (!factor(n, r, rest)) return 0;
  invertTransposed(n, r, inverse, rest);
  // Rows k to k + b of L reach columns 0 to k + b only.
  const lo = <usize>strideOut << 2;
  for (let k = 0; k < n; k += BLOCK) {
    const b = min(BLOCK, n - k), end = k + b;
    const l = inverse + <usize>k * row;
    clear(b, end, k, out, lo);
    multiply(end, end, b, 1, 1, out, lo, l, 4, row, l, row, 4, 0, true, rest);
  }
  mirrorUpper(n, out, lo);
  return 1;
}

/** Zeros in the upper triangle of columns k to k + b, before anything is added to them. */
function clear(b: i32, rows: i32, k: i32, out: usize, stride: usize): void {
  for (let i = 0; i < rows; i++) memory.fill(at(out + <usize>i * stride, k), 0, <usize>b << 2);
}

/** Overwrites the upper triangle with R; false when a pivot is not positive. */
function factor(n: i32, r: usize, workspace: usize): bool {
  const row = <usize>n << 2;
  for (let k = 0; k < n; k += BLOCK) {
    const end = min(k + BLOCK, n);
    for (let i = k; i < end; i++) {
      const target = r + <usize>i * row;
      for (let j = k; j < i; j++) {
        const source = r + <usize>j * row;
        addScaled(n - i, -load<f32>(at(source, i)), at(source, i), at(target, i));
      }
      const pivot = load<f32>(at(target, i));
      if (!(pivot > 0) || pivot == Infinity) return false;
      scaleBy(n - i, <f32>1 / sqrt<f32>(pivot), at(target, i));
    }
    const panel = at(r + <usize>k * row, end), left = n - end;
    const trailing = at(r + <usize>end * row, end);
    // deno-fmt-ignore
    multiply(
      left, left, end - k, -1, 1, trailing, row, panel, 4, row, panel, row, 4, 0, true, workspace,
    );
  }
  return true;
}

/** L = R^-T, lower triangular, by forward substitution on the identity. */
function invertTransposed(n: i32, r: usize, l: usize, workspace: usize): void {
  const row = <usize>n << 2;
  memory.fill(l, 0, <usize>n * row);
  for (let k = 0; k < n; k += BLOCK) {
    const end = min(k + BLOCK, n);
    const block = l + <usize>k * row;
    // What the rows already solved contribute: they reach columns 0 to k.
    // deno-fmt-ignore
    multiply(
      end - k, k, k, -1, 0, block, row, at(r, k), 4, row, l, row, 4, 0, false, workspace,
    );
    for (let i = k; i < end; i++) {
      const target = l + <usize>i * row;
      store<f32>(at(target, i), 1);
      for (let j = k; j < i; j++) {
        addScaled(j + 1, -load<f32>(at(r + <usize>j * row, i)), l + <usize>j * row, target);
      }
      scaleBy(i + 1, <f32>1 / load<f32>(at(r + <usize>i * row, i)), target);
    }
  }
}

/** y += factor x. */
function addScaled(n: i32, factor: f32, x: usize, y: usize): void {
  const f = f32x4.splat(factor);
  let j = n;
  for (; j >= 4; j -= 4) {
    v128.store(y, fma(f, v128.load(x), v128.load(y)));
    x += 16;
    y += 16;
  }
  for (; j > 0; j--) {
    store<f32>(y, load<f32>(y) + factor * load<f32>(x));
    x += 4;
    y += 4;
  }
}

/** x *= factor. */
function scaleBy(n: i32, factor: f32, x: usize): void {
  const f = f32x4.splat(factor);
  let j = n;
  for (; j >= 4; j -= 4) {
    v128.store(x, f32x4.mul(f, v128.load(x)));
    x += 16;
  }
  for (; j > 0; j--) {
    store<f32>(x, factor * load<f32>(x));
    x += 4;
  }
}
