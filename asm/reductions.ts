// dot = sum_ij x_ij y_ij, sum = sum_ij x_ij, trace = sum_i x_ii; out = decay out + scale (...).
//
// x, y [rows, cols] with any row strides; out one number, not read when decay is 0.
// Every term is widened to float64 and added to one of eight float64 sums: the error is that of
// rounding the result.

import { fma64 } from "./fma";
import { at, sum2 } from "./simd";

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

function blend(decay: f32, scale: f32, out: usize, value: f64): void {
  const kept: f64 = decay != 0 ? <f64>decay * <f64>load<f32>(out) : 0;
  store<f32>(out, <f32>(kept + <f64>scale * value));
}
