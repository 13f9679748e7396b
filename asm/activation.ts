// activation: out = f(x), and activationGradient: out = g f'(x), elementwise; with s the sigmoid
//
//   relu      max(x, 0)              f' = 1 where y > 0, else 0      from the output y
//   tanh      (e^2x - 1)/(e^2x + 1)  f' = 1 - y^2                    from y
//   sigmoid   s(x) = 1/(1 + e^-x)    f' = y (1 - y)                  from y
//
// All matrices [rows, cols], any row strides; out may be x, or g. Errors of a few units in the last
// place: tanh of small arguments has a series of its own, where the quotient would cancel.

import { exp4 } from "./exp";
import { fma } from "./fma";
import { at, loadTail, storeTail } from "./simd";

/** Numbers of the nonlinearities, the same as in the caller's table. */
const RELU: i32 = 0;
const TANH: i32 = 1;

/** out = f(x). */
export function activation(
  kind: i32,
  rows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
): void {
  for (let i = 0; i < rows; i++) {
    let o = at(out, i * strideOut), p = at(x, i * strideX);
    let j = cols;
    for (; j >= 4; j -= 4) {
      v128.store(o, value(kind, v128.load(p)));
      o += 16;
      p += 16;
    }
    if (j > 0) storeTail(o, value(kind, loadTail(p, j)), j);
  }
}

/** out = g f'(x). */
export function activationGradient(
  kind: i32,
  rows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  y: usize,
  strideY: i32,
  g: usize,
  strideG: i32,
): void {
  for (let i = 0; i < rows; i++) {
    let o = at(out, i * strideOut), p = at(y, i * strideY), q = at(g, i * strideG);
    let j = cols;
    for (; j >= 4; j -= 4) {
      v128.store(o, chain(kind, v128.load(p), v128.load(q)));
      o += 16;
      p += 16;
      q += 16;
    }
    if (j > 0) storeTail(o, chain(kind, loadTail(p, j), loadTail(q, j)), j);
  }
}

/** f(x). The kind is the same for a whole call: its branches are foreseen. */
@inline
function value(kind: i32, x: v128): v128 {
  if (kind == RELU) return f32x4.max(x, f32x4.splat(0));
  if (kind == TANH) return tanh4(x);
  return sigmoid4(x);
}

/** g f', from the output. */
@inline
function chain(kind: i32, y: v128, g: v128): v128 {
  const one = f32x4.splat(1);
  if (kind == RELU) return v128.and(g, f32x4.gt(y, f32x4.splat(0)));
  if (kind == TANH) return f32x4.mul(g, f32x4.sub(one, f32x4.mul(y, y)));
  return f32x4.mul(g, f32x4.mul(y, f32x4.sub(one, y)));
}

/** 1 / (1 + e^-x); with e^-|x| it neither overflows nor loses the small end. */
@inline
export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  const negative = f32x4.lt(x, f32x4.splat(0));
  return f32x4.div(v128.bitselect(e, one, negative), f32x4.add(one, e));
}

/** Sign and magnitude: (1 - e)/(1 + e) with e = e^-2|x|, below 0.625 an odd polynomial. */
@inline
function tanh4(x: v128): v128 {
  const one = f32x4.splat(1), magnitude = f32x4.abs(x);
  const e = exp4(f32x4.mul(f32x4.splat(-2), magnitude));
  const large = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
  const z = f32x4.mul(x, x);
  // (tanh x - x) / x^3 in powers of x^2, fitted on [0, 0.625] to 4e-09 of tanh x.
  let p = fma(z, f32x4.splat(-5.704979057e-03), f32x4.splat(2.063907940e-02));
  p = fma(z, p, f32x4.splat(-5.373971238e-02));
  p = fma(z, p, f32x4.splat(1.333144216e-01));
  p = fma(z, p, f32x4.splat(-3.333328194e-01));
  const small = fma(f32x4.mul(z, magnitude), p, magnitude);
  const value = v128.bitselect(small, large, f32x4.lt(magnitude, f32x4.splat(0.625)));
  return v128.bitselect(value, x, i32x4.splat(0x7fffffff));
}
