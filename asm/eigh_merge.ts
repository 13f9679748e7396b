// One merge of eigh_divide_and_conquer.ts: from the eigenvectors of both halves of a tridiagonal
// matrix to those of the whole,
//
//   T = diag(T1, T2) + rho v v^T,   diag(Z1, Z2)^T T diag(Z1, Z2) = D + rho zeta zeta^T,
//
// zeta the last row of Z1 beside the first of Z2. Columns whose zeta is negligible, and one of each
// pair of nearly equal eigenvalues (after a rotation), are eigenvectors already: they are deflated.
// The secular equation gives the others; two products give their vectors. Accepted columns are
// ordered by the halves they touch (1 upper, 2 both, 3 lower), so that the products skip the zero
// blocks. Cuppen 1981; Gu & Eisenstat 1995. Eigenvectors are the ROWS of z throughout.

import { fma } from "./fma";
import { Space } from "./eigh_space";
import { finishWeights, refineWeights, secularRoot, secularVector } from "./eigh_secular";
import { multiply } from "./gemm";
import { at, at64 } from "./simd";

/** What is below this share of the norm does not show in float32 eigenvectors. */
const DEFLATION: f64 = 2.4e-7;
/** A pole that no root comes near. */
const FAR: f64 = 1e300;

const UPPER: i32 = 1;
const BOTH: i32 = 2;
const LOWER: i32 = 3;

/** Merges rows [from, middle) and [middle, to); `coupling` is the entry that was torn out. */
export function merge(
  from: i32,
  middle: i32,
  to: i32,
  coupling: f64,
  norm: f64,
  space: Space,
): void {
  const rho = 2 * abs(coupling);
  couple(from, middle, to, coupling < 0, space);
  sortByEigenvalue(from, to - from, space);
  const K = deflate(from, to, rho, DEFLATION * norm, space);
  if (K == 0) return;
  const deflated = to - from - K;
  gather(from, middle, to, K, space);
  solve(K, rho, space);
  for (let i = 0; i < K; i++) {
    const pole = load<f64>(at64(space.poles, load<i32>(at(space.origins, i))));
    store<f64>(at64(space.d, from + i), pole + load<f64>(at64(space.roots, i)));
  }
  for (let i = 0; i < deflated; i++) {
    const row = space.z + <usize>(from + K + i) * space.stride;
    const bytes = <usize>(to - from) << 2;
    memory.copy(at(row, from), space.deflated + <usize>i * space.stride, bytes);
    store<f64>(at64(space.d, from + K + i), load<f64>(at64(space.p, i)));
  }
  combine(from, middle, to, K, space);
}

/** zeta / sqrt 2, by eigenvector, and which half each eigenvector touches. */
function couple(from: i32, middle: i32, to: i32, negative: bool, space: Space): void {
  const factor = Math.SQRT1_2, other = negative ? -factor : factor;
  for (let j = from; j < to; j++) {
    const upper = j < middle;
    const row = space.z + <usize>j * space.stride;
    const end = <f64>load<f32>(at(row, upper ? middle - 1 : middle));
    store<f64>(at64(space.zeta, j), (upper ? factor : other) * end);
    store<i32>(at(space.halves, j), upper ? UPPER : LOWER);
  }
}

/** `order` of m eigenvalues from `from` on, ascending; Shell's sort with gaps 1, 4, 13, 40... */
export function sortByEigenvalue(from: i32, m: i32, space: Space): void {
  const order = space.order;
  for (let i = 0; i < m; i++) store<i32>(at(order, i), from + i);
  let gap = 1;
  while (gap < m / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3) {
    for (let i = gap; i < m; i++) {
      const index = load<i32>(at(order, i));
      const value = load<f64>(at64(space.d, index));
      let j = i;
      for (; j >= gap; j -= gap) {
        const other = load<i32>(at(order, j - gap));
        if (load<f64>(at64(space.d, other)) <= value) break;
        store<i32>(at(order, j), other);
      }
      store<i32>(at(order, j), index);
    }
  }
}

/** Divides the columns into `accepted` and `rejected`; returns the number of accepted ones. */
function deflate(from: i32, to: i32, rho: f64, tolerance: f64, space: Space): i32 {
  let accepted = 0, rejected = 0, pending = -1;
  for (let a = 0; a < to - from; a++) {
    const j = load<i32>(at(space.order, a));
    if (rho * abs(load<f64>(at64(space.zeta, j))) <= tolerance) {
      store<i32>(at(space.rejected, rejected++), j);
    } else if (pending < 0) {
      pending = j;
    } else {
      if (rotateAway(pending, j, from, to, tolerance, space)) {
        store<i32>(at(space.rejected, rejected++), pending);
      } else store<i32>(at(space.accepted, accepted++), pending);
      pending = j;
    }
  }
  if (pending >= 0) store<i32>(at(space.accepted, accepted++), pending);
  return accepted;
}

/**
 * Turns columns p and q so that zeta_p becomes 0, if the off-diagonal entry this makes is
 * negligible: their eigenvalues are then nearly equal, or one zeta is small.
 */
function rotateAway(p: i32, q: i32, from: i32, to: i32, tolerance: f64, space: Space): bool {
  const zp = load<f64>(at64(space.zeta, p)), zq = load<f64>(at64(space.zeta, q));
  const dp = load<f64>(at64(space.d, p)), dq = load<f64>(at64(space.d, q));
  const length = sqrt(zp * zp + zq * zq);
  const cosine = zq / length, sine = -zp / length;
  if (abs((dq - dp) * cosine * sine) > tolerance) return false;
  store<f64>(at64(space.zeta, q), length);
  if (load<i32>(at(space.halves, p)) != load<i32>(at(space.halves, q))) {
    store<i32>(at(space.halves, p), BOTH);
    store<i32>(at(space.halves, q), BOTH);
  }
  const c2 = cosine * cosine, s2 = sine * sine;
  store<f64>(at64(space.d, p), dp * c2 + dq * s2);
  store<f64>(at64(space.d, q), dp * s2 + dq * c2);
  const rowP = at(space.z + <usize>p * space.stride, from);
  const rowQ = at(space.z + <usize>q * space.stride, from);
  rotateRows(to - from, <f32>cosine, <f32>sine, rowP, rowQ);
  return true;
}

/** x = cosine x + sine y, y = cosine y - sine x, m columns of rows whose next columns are zero. */
function rotateRows(m: i32, cosine: f32, sine: f32, x: usize, y: usize): void {
  const c = f32x4.splat(cosine), s = f32x4.splat(sine), minus = f32x4.splat(-sine);
  for (let j = 0; j < m; j += 4) {
    const a = v128.load(x), b = v128.load(y);
    v128.store(x, fma(s, b, f32x4.mul(c, a)));
    v128.store(y, fma(minus, a, f32x4.mul(c, b)));
    x += 16;
    y += 16;
  }
}

/**
 * Copies the rows of z out of the way, accepted ones by halves, and fills poles, weights and
 * places.
 */
function gather(from: i32, middle: i32, to: i32, K: i32, space: Space): void {
  const stride = space.stride;
  const upperBytes = <usize>(middle - from) << 2, lowerBytes = <usize>(to - middle) << 2;
  const upper = countOf(UPPER, K, space), both = countOf(BOTH, K, space);
  let nextUpper = 0, nextBoth = upper, nextLower = upper + both;
  for (let a = 0; a < K; a++) {
    const j = load<i32>(at(space.accepted, a)), half = load<i32>(at(space.halves, j));
    const place = half == UPPER ? nextUpper++ : half == BOTH ? nextBoth++ : nextLower++;
    const row = space.z + <usize>j * stride;
    if (half != LOWER) memory.copy(space.upper + <usize>place * stride, at(row, from), upperBytes);
    if (half != UPPER) {
      memory.copy(space.lower + <usize>(place - upper) * stride, at(row, middle), lowerBytes);
    }
    store<i32>(at(space.places, a), place);
    store<f64>(at64(space.poles, a), load<f64>(at64(space.d, j)));
    store<f64>(at64(space.weights, a), load<f64>(at64(space.zeta, j)));
  }
  for (let a = 0; a < to - from - K; a++) {
    const j = load<i32>(at(space.rejected, a));
    const row = at(space.z + <usize>j * stride, from);
    memory.copy(space.deflated + <usize>a * stride, row, <usize>(to - from) << 2);
    store<f64>(at64(space.p, a), load<f64>(at64(space.d, j)));
  }
}

/** Accepted columns that touch the given half. */
function countOf(half: i32, K: i32, space: Space): i32 {
  let count = 0;
  for (let a = 0; a < K; a++) {
    if (load<i32>(at(space.halves, load<i32>(at(space.accepted, a)))) == half) count++;
  }
  return count;
}

/** Roots, and eigenvectors of the rank-one update as rows of `work`. */
function solve(K: i32, rho: f64, space: Space): void {
  let squares: f64 = 0;
  for (let a = 0; a < K; a++) {
    const weight = load<f64>(at64(space.weights, a));
    squares += weight * weight;
    store<f64>(at64(space.refined, a), 1);
  }
  const scale = 1 / sqrt(squares);
  for (let a = 0; a < K; a++) {
    store<f64>(at64(space.weights, a), scale * load<f64>(at64(space.weights, a)));
  }
  for (let a = K; a < K + 2; a++) {
    store<f64>(at64(space.poles, a), FAR);
    store<f64>(at64(space.weights, a), 0);
  }
  for (let i = 0; i < K; i++) {
    secularRoot(i, K, rho * squares, space);
    refineWeights(i, K, space);
  }
  finishWeights(K, space);
  for (let i = 0; i < K; i++) secularVector(i, K, space, space.work + <usize>i * space.stride);
}

/** Rows [from, from + K) of z from the update's vectors and the gathered halves. */
function combine(from: i32, middle: i32, to: i32, K: i32, space: Space): void {
  const stride = space.stride, rows = space.z + <usize>from * stride;
  const upper = countOf(UPPER, K, space), both = countOf(BOTH, K, space);
  const inUpper = upper + both, inLower = K - upper;
  // deno-fmt-ignore
  multiply(
    K, middle - from, inUpper, 1, 0, at(rows, from), stride,
    space.work, stride, 4, space.upper, stride, 4, 0, false, space.products,
  );
  // deno-fmt-ignore
  multiply(
    K, to - middle, inLower, 1, 0, at(rows, middle), stride,
    at(space.work, upper), stride, 4, space.lower, stride, 4, 0, false, space.products,
  );
}
