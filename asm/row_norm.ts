// Normalisation of rows: with the mean m of a row (0 unless `centred`) and the mean square v of x - m,
// xhat = (x - m) / sqrt(v + epsilon)
//
//   rowNorm          y = scale xhat + shift
//   rowNormSums      per example sum_t g xhat above sum_t g
//   rowNormGradient  (h - mean h - xhat mean(h xhat)) / sqrt(v + epsilon), h = g scale; no mean h unless centred
//
// x, g, y, out [rows, cols]; weights [parts, cols], scales above shifts; sums [2 examples, cols]; any row
// strides. Sums over a row are float32 in four lanes, joined in float64; the mean is taken before the squares,
// so that nothing cancels.

import { fma } from "./fma";
import { at, load4, storeTail, sum4 } from "./simd";

/** y = scale xhat + shift. */
export function rowNorm(
  rows: i32,
  cols: i32,
  centred: i32,
  parts: i32,
  epsilon: f32,
  y: usize,
  strideY: i32,
  x: usize,
  strideX: i32,
  weights: usize,
  strideWeights: i32,
): void {
  for (let i = 0; i < rows; i++) {
    const p = at(x, i * strideX), o = at(y, i * strideY);
    const mean = f32x4.splat(meanOf(p, cols, centred));
    const inverse = f32x4.splat(inverseDeviation(p, cols, mean, epsilon));
    for (let j = 0; j < cols; j += 4) {
      const left = cols - j;
      const xhat = f32x4.mul(f32x4.sub(load4(at(p, j), left), mean), inverse);
      const shift = parts > 1 ? load4(at(weights, strideWeights + j), left) : f32x4.splat(0);
      put(at(o, j), fma(xhat, load4(at(weights, j), left), shift), left);
    }
  }
}

/** Gradients of scales and shifts, per example. */
export function rowNormSums(
  examples: i32,
  positions: i32,
  cols: i32,
  centred: i32,
  epsilon: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  g: usize,
  strideG: i32,
): void {
  for (let n = 0; n < examples; n++) {
    const o = at(out, 2 * n * strideOut), s = at(o, strideOut), bytes = <usize>cols << 2;
    memory.fill(o, 0, bytes);
    memory.fill(s, 0, bytes);
    for (let t = 0; t < positions; t++) {
      const p = at(x, (n * positions + t) * strideX), q = at(g, (n * positions + t) * strideG);
      const mean = f32x4.splat(meanOf(p, cols, centred));
      const inverse = f32x4.splat(inverseDeviation(p, cols, mean, epsilon));
      for (let j = 0; j < cols; j += 4) {
        const left = cols - j, to = at(o, j), sum = at(s, j);
        const xhat = f32x4.mul(f32x4.sub(load4(at(p, j), left), mean), inverse);
        const gradient = load4(at(q, j), left);
        put(to, fma(gradient, xhat, load4(to, left)), left);
        put(sum, f32x4.add(load4(sum, left), gradient), left);
      }
    }
  }
}

/** Gradient with respect to x. */
export function rowNormGradient(
  rows: i32,
  cols: i32,
  centred: i32,
  epsilon: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  g: usize,
  strideG: i32,
  weights: usize,
): void {
  for (let i = 0; i < rows; i++) {
    const p = at(x, i * strideX), q = at(g, i * strideG), o = at(out, i * strideOut);
    const mean = f32x4.splat(meanOf(p, cols, centred));
    const inverse = f32x4.splat(inverseDeviation(p, cols, mean, epsilon));
    let sum = f32x4.splat(0), along = f32x4.splat(0);
    for (let j = 0; j < cols; j += 4) {
      const left = cols - j;
      const h = f32x4.mul(load4(at(q, j), left), load4(at(weights, j), left));
      sum = f32x4.add(sum, h);
      // Behind the end h is 0.
      along = fma(h, f32x4.sub(load4(at(p, j), left), mean), along);
    }
    const meanH = f32x4.splat(centred ? <f32>(<f64>sum4(sum) / <f64>cols) : 0);
    const share = f32x4.mul(f32x4.splat(<f32>(<f64>sum4(along) / <f64>cols)), inverse);
    for (let j = 0; j < cols; j += 4) {
      const left = cols - j;
      const h = f32x4.mul(load4(at(q, j), left), load4(at(weights, j), left));
      const xhat = f32x4.mul(f32x4.sub(load4(at(p, j), left), mean), inverse);
      const rest = f32x4.sub(f32x4.sub(h, meanH), f32x4.mul(xhat, share));
      put(at(o, j), f32x4.mul(rest, inverse), left);
    }
  }
}

/** The mean of a row, or 0. */
function meanOf(x: usize, cols: i32, centred: i32): f32 {
  if (!centred) return 0;
  let sum = f32x4.splat(0);
  for (let j = 0; j < cols; j += 4) sum = f32x4.add(sum, load4(at(x, j), cols - j));
  return <f32>(<f64>sum4(sum) / <f64>cols);
}

/** 1 / sqrt(mean square about the mean + epsilon). */
function inverseDeviation(x: usize, cols: i32, mean: v128, epsilon: f32): f32 {
  let sum = f32x4.splat(0);
  let j = 0;
  for (; j + 4 <= cols; j += 4) {
    const d = f32x4.sub(v128.load(at(x, j)), mean);
    sum = fma(d, d, sum);
  }
  let total = <f64>sum4(sum);
  for (; j < cols; j++) {
    const d = load<f32>(at(x, j)) - f32x4.extract_lane(mean, 0);
    total += <f64>d * <f64>d;
  }
  return <f32>(1 / Math.sqrt(total / <f64>cols + <f64>epsilon));
}

@inline
function put(p: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(p, v);
  else storeTail(p, v, left);
}
