// dot = sum_ij x_ij y_ij, sum = sum_ij x_ij, trace = sum_i x_ii; out = decay out + scale (...).
//
// rowDots: out_i = decay out_i + scale sum_j x_ij y_ij. stepProducts: (sum u s, sum u^2, sum w^2).
//
// x, y [rows, cols] with any row strides; out one number, not read when decay is 0.
// Every term is widened to float64 and added to one of eight float64 sums: the error is that of
// rounding the result.

import { fma64 } from "./fma";
import { at, joinHigh, load4, sum2 } from "./simd";

/** out = decay out + scale sum_ij x_ij y_ij. */
export function dot(
  rows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  x: usize,
  strideX: i32,
  y: usize,
  strideY: i32,
): void {
  let total: f64 = 0;
  for (let i = 0; i < rows; i++) {
    total += sumOfProducts(cols, at(x, i * strideX), at(y, i * strideY));
  }
  blend(decay, scale, out, total);
}

/** out = decay out + scale sum_ij x_ij. */
export function sum(
  rows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  x: usize,
  strideX: i32,
): void {
  let total: f64 = 0;
  for (let i = 0; i < rows; i++) total += sumOf(cols, at(x, i * strideX));
  blend(decay, scale, out, total);
}

/** out = decay out + scale tr X, X [n, n]. */
export function trace(n: i32, decay: f32, scale: f32, out: usize, x: usize, strideX: i32): void {
  let total: f64 = 0;
  for (let i = 0; i < n; i++) total += <f64>load<f32>(at(x, i * strideX + i));
  blend(decay, scale, out, total);
}

/** rowSquaredNorms: out_i = sum_j x_ij^2. */
export function rowSquaredNorms(rows: i32, cols: i32, out: usize, x: usize, strideX: i32): void {
  for (let i = 0; i < rows; i++) {
    const row = at(x, i * strideX);
    store<f32>(at(out, i), <f32>sumOfProducts(cols, row, row));
  }
}

/** rowDots: out_i = decay out_i + scale sum_j x_ij y_ij. */
export function rowDots(
  rows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  x: usize,
  strideX: i32,
  y: usize,
  strideY: i32,
): void {
  for (let i = 0; i < rows; i++) {
    blend(decay, scale, at(out, i), sumOfProducts(cols, at(x, i * strideX), at(y, i * strideY)));
  }
}

/** stepProducts: out = (sum_ij u_ij s_ij, sum_ij u_ij^2, sum_ij w_ij^2), each matrix read once. */
export function stepProducts(
  rows: i32,
  cols: i32,
  out: usize,
  u: usize,
  strideU: i32,
  s: usize,
  strideS: i32,
  w: usize,
  strideW: i32,
): void {
  let us: f64 = 0, uu: f64 = 0, ww: f64 = 0;
  for (let i = 0; i < rows; i++) {
    let p = at(u, i * strideU), q = at(s, i * strideS), r = at(w, i * strideW);
    let us0 = f64x2.splat(0), us1 = us0, uu0 = us0, uu1 = us0, ww0 = us0, ww1 = us0;
    for (let j = cols; j > 0; j -= 4) {
      const x = load4(p, j), y = load4(q, j), z = load4(r, j);
      const x0 = low(x), x1 = high(x), z0 = low(z), z1 = high(z);
      us0 = fma64(x0, low(y), us0);
      us1 = fma64(x1, high(y), us1);
      uu0 = fma64(x0, x0, uu0);
      uu1 = fma64(x1, x1, uu1);
      ww0 = fma64(z0, z0, ww0);
      ww1 = fma64(z1, z1, ww1);
      p += 16;
      q += 16;
      r += 16;
    }
    us += sum2(f64x2.add(us0, us1));
    uu += sum2(f64x2.add(uu0, uu1));
    ww += sum2(f64x2.add(ww0, ww1));
  }
  store<f32>(out, <f32>us);
  store<f32>(out, <f32>uu, 4);
  store<f32>(out, <f32>ww, 8);
}

/** sum_j x_j y_j of contiguous numbers, in float64. */
export function sumOfProducts(n: i32, x: usize, y: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let j = 0;
  for (; j + 8 <= n; j += 8) {
    s0 = fma64(low(v128.load64_zero(x)), low(v128.load64_zero(y)), s0);
    s1 = fma64(low(v128.load64_zero(x, 8)), low(v128.load64_zero(y, 8)), s1);
    s2 = fma64(low(v128.load64_zero(x, 16)), low(v128.load64_zero(y, 16)), s2);
    s3 = fma64(low(v128.load64_zero(x, 24)), low(v128.load64_zero(y, 24)), s3);
    x += 32;
    y += 32;
  }
  let total = sum2(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (; j < n; j++) {
    total += <f64>load<f32>(x) * <f64>load<f32>(y);
    x += 4;
    y += 4;
  }
  return total;
}

/** sum_j x_j of contiguous numbers, in float64. */
function sumOf(n: i32, x: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let j = 0;
  for (; j + 8 <= n; j += 8) {
    s0 = f64x2.add(low(v128.load64_zero(x)), s0);
    s1 = f64x2.add(low(v128.load64_zero(x, 8)), s1);
    s2 = f64x2.add(low(v128.load64_zero(x, 16)), s2);
    s3 = f64x2.add(low(v128.load64_zero(x, 24)), s3);
    x += 32;
  }
  let total = sum2(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (; j < n; j++) {
    total += <f64>load<f32>(x);
    x += 4;
  }
  return total;
}

/** The two low float32 lanes as float64. */
@inline
function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The two high ones. */
@inline
export function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(joinHigh(v, v));
}

function blend(decay: f32, scale: f32, out: usize, value: f64): void {
  const kept: f64 = decay != 0 ? <f64>decay * <f64>load<f32>(out) : 0;
  store<f32>(out, <f32>(kept + <f64>scale * value));
}
