// loss: per-example losses [N] and gradients [N, K] of the outputs z [N, K], and
// sampledLossGradient: gradients for targets drawn from the model's own distribution.
//
//   softmax  log sum_k e^z_k - sum_k y_k z_k       gradient e^z_k / sum - y_k
//            y = (1 - smoothing) [k = label] + smoothing / K
//   squared  weight/2 sum_k (z_k - y_k)^2          gradient weight (z_k - y_k); weight 1, or 2/K
//   sigmoid  sum_k log(1 + e^z_k) - y_k z_k        gradient 1/(1 + e^-z_k) - y_k
//
// Row strides as given; losses and labels contiguous. Sums over k in float64. The maximum is taken
// out of the softmax, and log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), so nothing overflows; the
// logarithms of a row are taken of products of hundreds of factors from (1, 2] at once.

import { sigmoid4 } from "./activation";
import { exp4 } from "./exp";
import { at, loadTail, storeTail, sum2 } from "./simd";

/** Factors from (1, 2] whose product is safely below the largest float64. */
const FACTORS: i32 = 1000;

/** softmaxCrossEntropy; labels are integers in [0, K). */
export function softmaxLoss(
  n: i32,
  k: i32,
  losses: usize,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  labels: usize,
  smoothing: f32,
): void {
  for (let i = 0; i < n; i++) {
    const row = at(z, i * strideZ), gradient = at(gradients, i * strideG);
    const label = <i32>load<f32>(at(labels, i));
    const top = maximum(k, row);
    const total = exponentials(k, top, gradient, row);
    const logit = <f64>load<f32>(at(row, label));
    let value = Math.log(total) + (<f64>top - logit);
    scaleRow(k, <f32>(1 / total), gradient);
    if (smoothing != 0) value += smooth(k, smoothing, logit, gradient, row);
    store<f32>(at(losses, i), <f32>value);
    store<f32>(at(gradient, label), load<f32>(at(gradient, label)) - (1 - smoothing));
  }
}

/** Takes the share of all labels out of a gradient; what it adds to the loss. */
function smooth(k: i32, smoothing: f32, logit: f64, gradient: usize, z: usize): f64 {
  const share = smoothing / <f32>k;
  let sum: f64 = 0;
  for (let j = 0; j < k; j++) {
    sum += logit - <f64>load<f32>(at(z, j));
    store<f32>(at(gradient, j), load<f32>(at(gradient, j)) - share);
  }
  return <f64>share * sum;
}

/** The gradient for labels drawn by inverting the cumulative sum at the uniforms [N]. */
export function softmaxSampledGradient(
  n: i32,
  k: i32,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  uniforms: usize,
): void {
  for (let i = 0; i < n; i++) {
    const row = at(z, i * strideZ), gradient = at(gradients, i * strideG);
    const total = exponentials(k, maximum(k, row), gradient, row);
    const threshold = <f64>load<f32>(at(uniforms, i)) * total;
    let label = 0;
    let cumulative: f64 = 0;
    for (; label < k - 1; label++) {
      cumulative += <f64>load<f32>(at(gradient, label));
      if (threshold < cumulative) break;
    }
    scaleRow(k, <f32>(1 / total), gradient);
    if (k > 0) store<f32>(at(gradient, label), load<f32>(at(gradient, label)) - 1);
  }
}

/** halfSumSquaredError (weight 1) and meanSquaredError (weight 2/K). */
export function squaredLoss(
  n: i32,
  k: i32,
  weight: f32,
  losses: usize,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  targets: usize,
  strideT: i32,
): void {
  const w = f32x4.splat(weight);
  for (let i = 0; i < n; i++) {
    let g = at(gradients, i * strideG), p = at(z, i * strideZ), t = at(targets, i * strideT);
    let total = f64x2.splat(0);
    for (let j = k; j > 0; j -= 4) {
      const whole = j >= 4;
      const x = whole ? v128.load(p) : loadTail(p, j);
      const difference = f32x4.sub(x, whole ? v128.load(t) : loadTail(t, j));
      total = f64x2.add(total, squaresOf(difference));
      if (whole) v128.store(g, f32x4.mul(w, difference));
      else storeTail(g, f32x4.mul(w, difference), j);
      g += 16;
      p += 16;
      t += 16;
    }
    store<f32>(at(losses, i), <f32>(0.5 * <f64>weight * sum2(total)));
  }
}

/** sigmoidCrossEntropy; one exponential e^-|z_k| serves the loss and the gradient. */
export function sigmoidLoss(
  n: i32,
  k: i32,
  losses: usize,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  targets: usize,
  strideT: i32,
): void {
  for (let i = 0; i < n; i++) {
    const row = at(z, i * strideZ), target = at(targets, i * strideT);
    const gradient = at(gradients, i * strideG);
    let total: f64 = 0;
    for (let j = 0; j < k; j += FACTORS) {
      const count = min(k - j, FACTORS);
      total += sigmoidSegment(count, at(gradient, j), at(row, j), at(target, j));
    }
    store<f32>(at(losses, i), <f32>total);
  }
}

/** The loss of at most FACTORS outputs, and their gradients. */
function sigmoidSegment(k: i32, gradient: usize, z: usize, y: usize): f64 {
  const zero = f32x4.splat(0), one = f32x4.splat(1), wideOne = f64x2.splat(1);
  let product = wideOne, linear = f64x2.splat(0);
  for (let j = k; j > 0; j -= 4) {
    const whole = j >= 4;
    const x = whole ? v128.load(z) : loadTail(z, j), t = whole ? v128.load(y) : loadTail(y, j);
    const e = exp4(f32x4.neg(f32x4.abs(x)));
    const numerator = v128.bitselect(e, one, f32x4.lt(x, zero));
    const slope = f32x4.sub(f32x4.div(numerator, f32x4.add(one, e)), t);
    if (whole) v128.store(gradient, slope);
    else storeTail(gradient, slope, j);
    // Lanes beyond the row must contribute the factor 1.
    const factors = whole ? e : firstLanes(e, j);
    product = f64x2.mul(product, f64x2.add(wideOne, lowLanes(factors)));
    product = f64x2.mul(product, f64x2.add(wideOne, highLanes(factors)));
    const term = f32x4.sub(f32x4.max(x, zero), f32x4.mul(t, x));
    linear = f64x2.add(linear, f64x2.add(lowLanes(term), highLanes(term)));
    gradient += 16;
    z += 16;
    y += 16;
  }
  return Math.log(f64x2.extract_lane(product, 0)) + Math.log(f64x2.extract_lane(product, 1)) +
    sum2(linear);
}

/** The gradient for Bernoulli targets: 1 where the uniform [N, K] is below the probability. */
export function sigmoidSampledGradient(
  n: i32,
  k: i32,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  uniforms: usize,
  strideU: i32,
): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i++) {
    let g = at(gradients, i * strideG), p = at(z, i * strideZ), u = at(uniforms, i * strideU);
    for (let j = k; j > 0; j -= 4) {
      const whole = j >= 4;
      const probability = sigmoid4(whole ? v128.load(p) : loadTail(p, j));
      const uniform = whole ? v128.load(u) : loadTail(u, j);
      const target = v128.and(one, f32x4.lt(uniform, probability));
      if (whole) v128.store(g, f32x4.sub(probability, target));
      else storeTail(g, f32x4.sub(probability, target), j);
      g += 16;
      p += 16;
      u += 16;
    }
  }
}

/** sqrt(p (1 - p)) o signs: the root of the Hessian of the sigmoid's loss. */
export function sigmoidCurvatureGradient(
  n: i32,
  k: i32,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  signs: usize,
  strideS: i32,
): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i++) {
    let g = at(gradients, i * strideG), p = at(z, i * strideZ), e = at(signs, i * strideS);
    for (let j = k; j > 0; j -= 4) {
      const whole = j >= 4;
      // p (1 - p) = e / (1 + e)^2 with e = exp(-|z|): nothing cancels.
      const power = exp4(f32x4.neg(f32x4.abs(whole ? v128.load(p) : loadTail(p, j))));
      const root = f32x4.div(f32x4.sqrt(power), f32x4.add(one, power));
      const product = f32x4.mul(root, whole ? v128.load(e) : loadTail(e, j));
      if (whole) v128.store(g, product);
      else storeTail(g, product, j);
      g += 16;
      p += 16;
      e += 16;
    }
  }
}

/** sqrt(p) o signs - p (sqrt(p) . signs): the root of the Hessian of the softmax's loss. */
export function softmaxCurvatureGradient(
  n: i32,
  k: i32,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  signs: usize,
  strideS: i32,
): void {
  for (let i = 0; i < n; i++) {
    const row = at(z, i * strideZ), gradient = at(gradients, i * strideG);
    const sign = at(signs, i * strideS);
    const total = exponentials(k, maximum(k, row), gradient, row);
    scaleRow(k, <f32>(1 / total), gradient);
    let along: f64 = 0;
    for (let j = 0; j < k; j++) {
      along += Math.sqrt(<f64>load<f32>(at(gradient, j))) * <f64>load<f32>(at(sign, j));
    }
    for (let j = 0; j < k; j++) {
      const p = <f64>load<f32>(at(gradient, j));
      const value = Math.sqrt(p) * <f64>load<f32>(at(sign, j)) - p * along;
      store<f32>(at(gradient, j), <f32>value);
    }
  }
}

/** max_k z_k. */
function maximum(k: i32, z: usize): f32 {
  let top: f32 = -Infinity;
  for (let j = 0; j < k; j++) top = max(top, load<f32>(at(z, j)));
  return top;
}

/** out_k = e^(z_k - top), and their sum. */
function exponentials(k: i32, top: f32, out: usize, z: usize): f64 {
  const t = f32x4.splat(top);
  let total: f64 = 0, j = k;
  for (; j >= 4; j -= 4) {
    const e = exp4(f32x4.sub(v128.load(z), t));
    v128.store(out, e);
    total += widenedSum(e);
    out += 16;
    z += 16;
  }
  if (j > 0) {
    storeTail(out, exp4(f32x4.sub(loadTail(z, j), t)), j);
    total += widenedSum(loadTail(out, j));
  }
  return total;
}

function scaleRow(k: i32, factor: f32, row: usize): void {
  const f = f32x4.splat(factor);
  let j = k;
  for (; j >= 4; j -= 4) {
    v128.store(row, f32x4.mul(f, v128.load(row)));
    row += 16;
  }
  if (j > 0) storeTail(row, f32x4.mul(f, loadTail(row, j)), j);
}

/** The first `count` < 4 lanes, zeros behind. */
@inline
function firstLanes(v: v128, count: i32): v128 {
  return v128.and(v, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count)));
}

/** The squares of four lanes, summed to two in float64. */
@inline
function squaresOf(v: v128): v128 {
  const a = lowLanes(v), b = highLanes(v);
  return f64x2.add(f64x2.mul(a, a), f64x2.mul(b, b));
}

/** The sum of four lanes in float64. */
@inline
function widenedSum(v: v128): f64 {
  return sum2(f64x2.add(lowLanes(v), highLanes(v)));
}

/** Lanes 0 and 1 as float64. */
@inline
function lowLanes(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** Lanes 2 and 3 as float64. */
@inline
function highLanes(v: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(v, v, 2, 3, 2, 3));
}
