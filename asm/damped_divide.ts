// dampedDivide: out = X / (Theta + lambda)^p, elementwise.
//
// All matrices [rows, cols], any row strides; out may be X. The exponents 1 (natural gradient) and
// 1/2 (the scaling of Adam) are divisions by a sum and its root; any other takes one power per
// entry.

import { at, loadTail, storeTail } from "./simd";

/** out = X / (Theta + lambda)^exponent. */
export function dampedDivide(
  rows: i32,
  cols: i32,
  lambda: f32,
  exponent: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  theta: usize,
  strideTheta: i32,
): void {
  for (let i = 0; i < rows; i++) {
    const o = at(out, i * strideOut), p = at(x, i * strideX), t = at(theta, i * strideTheta);
    if (exponent == 1 || exponent == 0.5) divideRow(cols, lambda, exponent == 0.5, o, p, t);
    else divideRowByPower(cols, lambda, exponent, o, p, t);
  }
}

function divideRow(n: i32, lambda: f32, root: bool, out: usize, x: usize, theta: usize): void {
  const la = f32x4.splat(lambda);
  let j = n;
  for (; j >= 4; j -= 4) {
    const damped = f32x4.add(v128.load(theta), la);
    v128.store(out, f32x4.div(v128.load(x), root ? f32x4.sqrt(damped) : damped));
    out += 16;
    x += 16;
    theta += 16;
  }
  if (j > 0) {
    const damped = f32x4.add(loadTail(theta, j), la);
    storeTail(out, f32x4.div(loadTail(x, j), root ? f32x4.sqrt(damped) : damped), j);
  }
}

function divideRowByPower(n: i32, lambda: f32, p: f32, out: usize, x: usize, theta: usize): void {
  for (let j = 0; j < n; j++) {
    const damped = <f64>load<f32>(at(theta, j)) + <f64>lambda;
    store<f32>(at(out, j), <f32>(<f64>load<f32>(at(x, j)) * Math.pow(damped, -<f64>p)));
  }
}
