// smoothActivation: out = f(x), and smoothActivationGradient: out = g f'(x), elementwise, from the input x; with s
// the sigmoid and Phi the normal distribution function
//
//   gelu      x Phi(x)       f' = Phi(x) + x e^(-x^2/2) / sqrt(2 pi)
//   geluTanh  x s(w)         f' = s(w) + x s(w) (1 - s(w)) w',  w = 2 sqrt(2/pi) (x + 0.044715 x^3)
//   silu      x s(x)         f' = s(x) (1 + x (1 - s(x)))
//   softplus  log(1 + e^x)   f' = s(x)
//
// All matrices [rows, cols], any row strides; out may be x, or g. Errors of a few units in the last place.

import { sigmoid4 } from "./activation";
import { exp4 } from "./exp";
import { fma } from "./fma";
import { at, loadTail, storeTail } from "./simd";

/** Numbers of the nonlinearities, the same as in the caller's table. */
const GELU: i32 = 0;
const GELU_TANH: i32 = 1;
const SILU: i32 = 2;

/** out = f(x). */
export function smoothActivation(
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
export function smoothActivationGradient(
  kind: i32,
  rows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  g: usize,
  strideG: i32,
): void {
  for (let i = 0; i < rows; i++) {
    let o = at(out, i * strideOut), p = at(x, i * strideX), q = at(g, i * strideG);
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
  if (kind == GELU) return f32x4.mul(x, normal4(x, exp4(halfSquare(x))));
  if (kind == GELU_TANH) return f32x4.mul(x, sigmoid4(cubic(x)));
  if (kind == SILU) return f32x4.mul(x, sigmoid4(x));
  return softplus4(x);
}

/** g f'. */
@inline
function chain(kind: i32, x: v128, g: v128): v128 {
  const one = f32x4.splat(1);
  if (kind == GELU) {
    const e = exp4(halfSquare(x));
    const density = f32x4.mul(f32x4.splat(0.39894228), e);
    return f32x4.mul(g, fma(x, density, normal4(x, e)));
  }
  if (kind == GELU_TANH) {
    const s = sigmoid4(cubic(x));
    const slope = fma(f32x4.mul(x, x), f32x4.splat(3 * CUBIC * TWICE_ROOT), f32x4.splat(TWICE_ROOT));
    const change = f32x4.mul(f32x4.mul(x, slope), f32x4.mul(s, f32x4.sub(one, s)));
    return f32x4.mul(g, f32x4.add(s, change));
  }
  const s = sigmoid4(x);
  if (kind == SILU) return f32x4.mul(g, f32x4.mul(s, fma(x, f32x4.sub(one, s), one)));
  return f32x4.mul(g, s);
}

/** 2 sqrt(2 / pi), and what x^3 counts beside x. */
const TWICE_ROOT: f32 = 1.5957691216;
const CUBIC: f32 = 0.044715;

/** 2 sqrt(2 / pi) (x + 0.044715 x^3). */
@inline
function cubic(x: v128): v128 {
  const inner = fma(f32x4.mul(x, x), f32x4.splat(CUBIC * TWICE_ROOT), f32x4.splat(TWICE_ROOT));
  return f32x4.mul(x, inner);
}

/** -x^2 / 2. */
@inline
function halfSquare(x: v128): v128 {
  return f32x4.mul(f32x4.mul(f32x4.splat(-0.5), x), x);
}

/**
 * Phi(x), e = e^(-x^2/2): in the tail e P(t) with t = 1 / (1 + 0.33 |x| / sqrt 2), fitted to a relative error of
 * 8.2e-8 for |x| up to 13.3.
 */
@inline
function normal4(x: v128, e: v128): v128 {
  const one = f32x4.splat(1);
  const t = f32x4.div(one, fma(f32x4.abs(x), f32x4.splat(0.23334524), one));
  let p = fma(t, f32x4.splat(-6.796766536e-02), f32x4.splat(2.313587473e-01));
  p = fma(t, p, f32x4.splat(-1.777468009e-01));
  p = fma(t, p, f32x4.splat(2.062983225e-01));
  p = fma(t, p, f32x4.splat(2.248923560e-02));
  p = fma(t, p, f32x4.splat(1.009673550e-01));
  p = fma(t, p, f32x4.splat(9.141763683e-02));
  p = fma(t, p, f32x4.splat(9.318312807e-02));
  const tail = f32x4.mul(f32x4.mul(t, p), e);
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)));
}

/** max(x, 0) + log(1 + e), e = e^-|x|; log(1 + e) / e on [0, 1] fitted to 4.7e-9. */
@inline
function softplus4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  let p = fma(e, f32x4.splat(-3.243992081e-03), f32x4.splat(1.985131340e-02));
  p = fma(e, p, f32x4.splat(-5.695925491e-02));
  p = fma(e, p, f32x4.splat(1.060362663e-01));
  p = fma(e, p, f32x4.splat(-1.530557592e-01));
  p = fma(e, p, f32x4.splat(1.967593349e-01));
  p = fma(e, p, f32x4.splat(-2.495413254e-01));
  p = fma(e, p, f32x4.splat(3.332996231e-01));
  p = fma(e, p, f32x4.splat(-4.999990242e-01));
  p = fma(e, p, f32x4.splat(1));
  return fma(e, p, f32x4.max(x, f32x4.splat(0)));
}
