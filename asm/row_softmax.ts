// The softmax of every row, y = e^(x - max x) / sum, and the gradient of x from that of y: out = y (g - y . g).
// All [n, k], any row strides; sums in float64.

import { exp4 } from "./exp";
import { at, load4, storeTail } from "./simd";

/** y; lanes beyond a row are left out of the sum. */
export function softmaxRows(
  n: i32,
  k: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
): void {
  for (let i = 0; i < n; i++) {
    const row = at(x, i * strideX), o = at(out, i * strideOut);
    let top: f32 = -Infinity;
    for (let j = 0; j < k; j++) top = max(top, load<f32>(at(row, j)));
    const largest = f32x4.splat(top);
    for (let j = 0; j < k; j += 4) {
      store4(at(o, j), exp4(f32x4.sub(load4(at(row, j), k - j), largest)), k - j);
    }
    let sum: f64 = 0;
    for (let j = 0; j < k; j++) sum += <f64>load<f32>(at(o, j));
    const inverse = f32x4.splat(<f32>(1 / sum));
    for (let j = 0; j < k; j += 4) {
      store4(at(o, j), f32x4.mul(load4(at(o, j), k - j), inverse), k - j);
    }
  }
}

/** The gradient of x. */
export function softmaxRowsGradient(
  n: i32,
  k: i32,
  out: usize,
  strideOut: i32,
  y: usize,
  strideY: i32,
  g: usize,
  strideG: i32,
): void {
  for (let i = 0; i < n; i++) {
    const p = at(y, i * strideY), d = at(g, i * strideG), o = at(out, i * strideOut);
    let sum: f64 = 0;
    for (let j = 0; j < k; j++) sum += <f64>load<f32>(at(p, j)) * <f64>load<f32>(at(d, j));
    const mean = f32x4.splat(<f32>sum);
    for (let j = 0; j < k; j += 4) {
      const left = k - j;
      const slope = f32x4.sub(load4(at(d, j), left), mean);
      store4(at(o, j), f32x4.mul(load4(at(p, j), left), slope), left);
    }
  }
}

@inline
function store4(to: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(to, v);
  else storeTail(to, v, left);
}
