// The eigenvalues of D + rho z z^T, |z| = 1, rho > 0: the roots of the secular equation
//
//   f(lambda) = 1/rho + sum_j z_j^2 / (d_j - lambda),   d_0 < d_1 < ... < d_{K-1}
//
// one in each interval (d_i, d_{i+1}), the last in (d_{K-1}, d_{K-1} + rho]. All in float64. A root
// is kept as t = lambda - d_origin, the distance from the nearer pole, so that differences with
// poles lose nothing. The iteration replaces f by c + s/(d_i - lambda) + S/(d_{i+1} - lambda) with
// the slopes of both halves of the sum (R.-C. Li 1993), bisecting where that leaves the bracket.
// poles and weights need one more element each, infinitely far and zero.

import { fma64 } from "./fma";
import { Space } from "./eigh_space";
import { at, at64, sum2 } from "./simd";

/** Relative change of t at which a root stands. */
const SETTLED: f64 = 1e-9;
/** f against the sum of magnitudes of its terms: what is left is rounding. */
const ROUNDING: f64 = 1e-13;
const MOST_STEPS: i32 = 80;

/** The root in interval i of K: its origin and t. */
export function secularRoot(i: i32, K: i32, rho: f64, space: Space): void {
  const d = space.poles, constant = 1 / rho, last = i == K - 1;
  let origin = i, base = load<f64>(at64(d, i));
  const next = load<f64>(at64(d, i + 1));
  let t = last ? 0.5 * rho : 0.5 * (next - base);
  let low: f64 = 0, high = last ? rho * (1 + 1e-10) : t;
  evaluate(i, K, base, t, space);
  let f = constant + space.low + space.high;
  if (f > 0) high = t;
  else if (last) low = t;
  else {
    origin = i + 1;
    base = next;
    low = -t;
    high = 0;
    t = -t;
  }
  for (let step = 0; step < MOST_STEPS; step++) {
    const toLower = load<f64>(at64(d, i)) - base - t;
    const move = last ? lastMove(f, toLower, space) : innerMove(f, toLower, next - base - t, space);
    let moved = t + move;
    if (!(moved > low && moved < high)) moved = 0.5 * (low + high);
    const change = abs(moved - t);
    t = moved;
    if (change <= SETTLED * abs(t)) break;
    evaluate(i, K, base, t, space);
    f = constant + space.low + space.high;
    if (f > 0) high = t;
    else low = t;
    if (abs(f) <= ROUNDING * (constant + abs(space.low) + abs(space.high))) break;
  }
  store<f64>(at64(space.roots, i), t);
  store<i32>(at(space.origins, i), origin);
}

/** Step to the root of the two-pole model between poles at distances a and b. */
@inline
function innerMove(f: f64, a: f64, b: f64, space: Space): f64 {
  const low = space.lowSlope, high = space.highSlope;
  const c = f - a * low - b * high;
  const linear = (a + b) * f - a * b * (low + high);
  const constant = a * b * f;
  const root = sqrt(abs(linear * linear - 4 * constant * c));
  return linear <= 0 ? (linear - root) / (2 * c) : 2 * constant / (linear + root);
}

/** Step to the root of the one-pole model behind the last pole, at distance a. */
@inline
function lastMove(f: f64, a: f64, space: Space): f64 {
  const slope = space.lowSlope + space.highSlope;
  return a + slope * a * a / (f - slope * a);
}

/** The sums over poles 0..i and i+1..K-1 at base + t, and their slopes. */
function evaluate(i: i32, K: i32, base: f64, t: f64, space: Space): void {
  const b = f64x2.splat(base), shift = f64x2.splat(t);
  let d = space.poles, z = space.weights;
  let sum = f64x2.splat(0), slope = sum;
  let j = 0;
  for (; j + 2 <= i + 1; j += 2) {
    const weight = v128.load(z);
    const q = f64x2.div(weight, f64x2.sub(f64x2.sub(v128.load(d), b), shift));
    sum = fma64(weight, q, sum);
    slope = fma64(q, q, slope);
    d += 16;
    z += 16;
  }
  let low = sum2(sum), lowSlope = sum2(slope), high: f64 = 0, highSlope: f64 = 0;
  // With an even i the pair (i, i + 1) straddles the halves.
  if (j <= i) {
    const weight = load<f64>(z), q = weight / (load<f64>(d) - base - t);
    low += weight * q;
    lowSlope += q * q;
    if (i + 1 < K) {
      const other = load<f64>(z, 8), r = other / (load<f64>(d, 8) - base - t);
      high = other * r;
      highSlope = r * r;
    }
    j += 2;
    d += 16;
    z += 16;
  }
  sum = f64x2.splat(0);
  slope = sum;
  for (; j < K; j += 2) {
    const weight = v128.load(z);
    const q = f64x2.div(weight, f64x2.sub(f64x2.sub(v128.load(d), b), shift));
    sum = fma64(weight, q, sum);
    slope = fma64(q, q, slope);
    d += 16;
    z += 16;
  }
  space.low = low;
  space.lowSlope = lowSlope;
  space.high = high + sum2(sum);
  space.highSlope = highSlope + sum2(slope);
}

/**
 * Weights for which the computed roots are exact, by Loewner's formula
 *
 *   z_j^2 = prod_i (lambda_i - d_j) / prod_{i != j} (d_i - d_j)   (up to a factor)
 *
 * accumulated root by root: eigenvectors from these are orthogonal to machine precision, however
 * close the roots (Gu & Eisenstat 1994). Call once per root, in order, with `refined` all ones
 * before.
 */
export function refineWeights(i: i32, K: i32, space: Space): void {
  const d = space.poles, refined = space.refined;
  const base = load<f64>(at64(d, load<i32>(at(space.origins, i))));
  const t = load<f64>(at64(space.roots, i)), pole = load<f64>(at64(d, i));
  const own = load<f64>(at64(refined, i));
  const b = f64x2.splat(base), shift = f64x2.splat(t), p = f64x2.splat(pole);
  for (let j = 0; j < K; j += 2) {
    const x = v128.load(at64(d, j));
    const ratio = f64x2.div(f64x2.sub(f64x2.sub(x, b), shift), f64x2.sub(x, p));
    v128.store(at64(refined, j), f64x2.mul(v128.load(at64(refined, j)), ratio));
  }
  store<f64>(at64(refined, i), own * (pole - base - t));
}

/** Square roots of the refined weights, with the signs of the given ones. */
export function finishWeights(K: i32, space: Space): void {
  for (let j = 0; j < K; j++) {
    const size = sqrt(abs(load<f64>(at64(space.refined, j))));
    const negative = load<f64>(at64(space.weights, j)) < 0;
    store<f64>(at64(space.refined, j), negative ? -size : size);
  }
  store<f64>(at64(space.refined, K), 0);
}

/**
 * Eigenvector i, z_j / (d_j - lambda_i) normalized, float32, element j at place places[j] of `row`.
 */
export function secularVector(i: i32, K: i32, space: Space, row: usize): void {
  const base = f64x2.splat(load<f64>(at64(space.poles, load<i32>(at(space.origins, i)))));
  const t = f64x2.splat(load<f64>(at64(space.roots, i)));
  const vector = space.zeta;
  let squares = f64x2.splat(0);
  for (let j = 0; j < K; j += 2) {
    const distance = f64x2.sub(f64x2.sub(v128.load(at64(space.poles, j)), base), t);
    const q = f64x2.div(v128.load(at64(space.refined, j)), distance);
    squares = fma64(q, q, squares);
    v128.store(at64(vector, j), q);
  }
  const scale = 1 / sqrt(sum2(squares));
  for (let j = 0; j < K; j++) {
    store<f32>(at(row, load<i32>(at(space.places, j))), <f32>(scale * load<f64>(at64(vector, j))));
  }
}
