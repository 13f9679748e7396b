// Losses of regression beside the squared ones: per-example losses [N] and gradients of the outputs z.
//
//   Huber     sum_k c (r - c / 2), r = z_k - y_k, c = r kept within -delta .. delta       gradient c
//   Gaussian  1/2 sum_j s_j + (z_j - y_j)^2 e^-s_j, z = means m_j beside s_j = log variances, [N, 2 M]
//             gradients (m_j - y_j) e^-s_j and 1/2 (1 - (m_j - y_j)^2 e^-s_j)
//
// and for the Gaussian what curvature needs, at deviations d_j = e^(s_j / 2):
//   sampled   -noise_j / d_j and 1/2 (1 - noise_j^2)      signs   e_j / d_j and sqrt(1/2) e_(M + j)
//
// Row strides as given; losses contiguous. Sums over k in float64.

import { exp4 } from "./exp";
import { at, load4, loadTail, storeTail, sum2 } from "./simd";

/** huber. */
export function huberLoss(
  n: i32,
  k: i32,
  delta: f32,
  losses: usize,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  targets: usize,
  strideT: i32,
): void {
  const top = f32x4.splat(delta), bottom = f32x4.splat(-delta), half = f32x4.splat(0.5);
  for (let i = 0; i < n; i++) {
    const g = at(gradients, i * strideG), p = at(z, i * strideZ), t = at(targets, i * strideT);
    let total = f64x2.splat(0);
    for (let j = 0; j < k; j += 4) {
      const left = k - j;
      const r = f32x4.sub(load4(at(p, j), left), load4(at(t, j), left));
      const c = f32x4.min(f32x4.max(r, bottom), top);
      store4(at(g, j), c, left);
      total = f64x2.add(total, widened(f32x4.mul(c, f32x4.sub(r, f32x4.mul(half, c)))));
    }
    store<f32>(at(losses, i), <f32>sum2(total));
  }
}

/** gaussian; of the targets [N, 2 M] the first M columns are looked at. */
export function gaussianLoss(
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
  const half = f32x4.splat(0.5), m = k >> 1;
  for (let i = 0; i < n; i++) {
    const g = at(gradients, i * strideG), p = at(z, i * strideZ), t = at(targets, i * strideT);
    let total = f64x2.splat(0);
    for (let j = 0; j < m; j += 4) {
      const left = m - j;
      const s = load4(at(p, m + j), left);
      const error = f32x4.sub(load4(at(p, j), left), load4(at(t, j), left));
      const slope = f32x4.mul(error, exp4(f32x4.neg(s)));
      const square = f32x4.mul(error, slope);
      store4(at(g, j), slope, left);
      store4(at(g, m + j), f32x4.sub(half, f32x4.mul(half, square)), left);
      total = f64x2.add(total, widened(f32x4.add(s, square)));
    }
    store<f32>(at(losses, i), <f32>(0.5 * sum2(total)));
  }
}

/** The gradient for targets `mean + deviation * noise`, noise in the first M columns; or, with signs, a root. */
export function gaussianSampledGradient(
  n: i32,
  k: i32,
  signs: i32,
  gradients: usize,
  strideG: i32,
  z: usize,
  strideZ: i32,
  noise: usize,
  strideN: i32,
): void {
  const half = f32x4.splat(0.5), m = k >> 1, root = f32x4.splat(<f32>Math.sqrt(0.5));
  for (let i = 0; i < n; i++) {
    const g = at(gradients, i * strideG), p = at(z, i * strideZ), u = at(noise, i * strideN);
    for (let j = 0; j < m; j += 4) {
      const left = m - j;
      const along = load4(at(u, j), left);
      const inverse = exp4(f32x4.mul(f32x4.splat(-0.5), load4(at(p, m + j), left)));
      if (signs) {
        store4(at(g, j), f32x4.mul(along, inverse), left);
        store4(at(g, m + j), f32x4.mul(root, load4(at(u, m + j), left)), left);
      } else {
        store4(at(g, j), f32x4.neg(f32x4.mul(along, inverse)), left);
        store4(at(g, m + j), f32x4.sub(half, f32x4.mul(half, f32x4.mul(along, along))), left);
      }
    }
  }
}

@inline
function store4(to: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(to, v);
  else storeTail(to, v, left);
}

/** Four lanes, summed to two in float64. Lanes beyond a row are zeros in all sums here. */
@inline
function widened(v: v128): v128 {
  return f64x2.add(
    f64x2.promote_low_f32x4(v),
    f64x2.promote_low_f32x4(i32x4.shuffle(v, v, 2, 3, 2, 3)),
  );
}
