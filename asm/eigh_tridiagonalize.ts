// Householder reduction of a symmetric matrix to tridiagonal form: A = Q T Q^T, Q = H_0 H_1 ...
// H_{n-3}, H_k = I - tau_k u_k u_k^T, u_k zero up to k and 1 at k + 1.
//
// A [n, n] float32, upper triangle; T as diagonal d and off-diagonal e in float64; u_k in row k of
// the reflectors. Each step needs p = A u for the reduced A = A - v w^T - w v^T of the step before:
// both are done in one pass over the upper triangle, two rows at a time, so that it is read and
// written once per step.
// Golub & Van Loan 2013, section 8.3.1, with the update delayed by one step.

import { fma } from "./fma";
import { Space } from "./eigh_space";
import { at, at64, sum4 } from "./simd";

/** Squared length below which a column (of a matrix scaled to 1) is already reduced. */
const NEGLIGIBLE: f64 = 1e-36;

/** Reduces the matrix in `space.work`. */
export function tridiagonalize(n: i32, space: Space): void {
  const stride = space.stride;
  memory.fill(space.u, 0, stride + 64);
  memory.fill(space.v, 0, stride + 64);
  memory.fill(space.w, 0, stride + 64);
  for (let k = 0; k < n - 2; k++) {
    const row = space.work + <usize>k * stride;
    store<f64>(at64(space.d, k), <f64>load<f32>(at(row, k)));
    const tau = reflect(n, k, row, space);
    multiplyAndUpdate(n, k, space);
    prepareUpdate(n, k, tau, space);
  }
  finish(n, space);
}

/** u and tau such that H row = (..., d_k, e_k, 0, ..., 0); u goes to row k of the reflectors. */
function reflect(n: i32, k: i32, row: usize, space: Space): f32 {
  const u = space.u, reflector = space.reflectors + <usize>k * space.stride;
  memory.fill(reflector, 0, space.stride);
  store<f32>(at(u, k), 0);
  let tail: f64 = 0;
  for (let j = k + 2; j < n; j++) {
    const x = <f64>load<f32>(at(row, j));
    tail += x * x;
  }
  const first = <f64>load<f32>(at(row, k + 1));
  if (tail < NEGLIGIBLE) {
    store<f64>(at64(space.e, k), first);
    store<f32>(at(space.tau, k), 0);
    memory.fill(at(u, k + 1), 0, <usize>(n - k - 1) << 2);
    return 0;
  }
  const length = sqrt(first * first + tail);
  const target = first >= 0 ? -length : length;
  const tau = <f32>((target - first) / target);
  const scale = <f32>(1 / (first - target));
  store<f64>(at64(space.e, k), target);
  store<f32>(at(space.tau, k), tau);
  store<f32>(at(u, k + 1), 1);
  for (let j = k + 2; j < n; j++) store<f32>(at(u, j), scale * load<f32>(at(row, j)));
  memory.copy(at(reflector, k + 1), at(u, k + 1), <usize>(n - k - 1) << 2);
  return tau;
}

/** A -= v w^T + w v^T on rows k + 1 and below, and p = A u with the result. */
function multiplyAndUpdate(n: i32, k: i32, space: Space): void {
  const u = space.u, v = space.v, w = space.w, p = space.p, stride = space.stride;
  memory.fill(at(p, k), 0, <usize>(n - k + 8) << 2);
  let i = k + 1;
  for (; i + 1 < n; i += 2) {
    const r0 = space.work + <usize>i * stride, r1 = r0 + stride;
    const v0 = load<f32>(at(v, i)), w0 = load<f32>(at(w, i)), u0 = load<f32>(at(u, i));
    const v1 = load<f32>(at(v, i + 1)), w1 = load<f32>(at(w, i + 1)), u1 = load<f32>(at(u, i + 1));
    const a00 = load<f32>(at(r0, i)) - 2 * v0 * w0;
    const a01 = load<f32>(at(r0, i + 1)) - v0 * w1 - w0 * v1;
    const a11 = load<f32>(at(r1, i + 1)) - 2 * v1 * w1;
    store<f32>(at(r0, i), a00);
    store<f32>(at(r0, i + 1), a01);
    store<f32>(at(r1, i + 1), a11);
    const dots = updateTwoRows(n, i + 2, r0, r1, space, v0, w0, u0, v1, w1, u1);
    store<f32>(at(p, i), load<f32>(at(p, i)) + a00 * u0 + a01 * u1 + f32x4.extract_lane(dots, 0));
    store<f32>(
      at(p, i + 1),
      load<f32>(at(p, i + 1)) + a01 * u0 + a11 * u1 + f32x4.extract_lane(dots, 1),
    );
  }
  if (i < n) {
    const corner = at(space.work + <usize>i * stride, i);
    const a = load<f32>(corner) - 2 * load<f32>(at(v, i)) * load<f32>(at(w, i));
    store<f32>(corner, a);
    store<f32>(at(p, i), load<f32>(at(p, i)) + a * load<f32>(at(u, i)));
  }
}

/**
 * Columns `from` to n of two rows: updated, added to p, and their products with u (lanes 0 and 1).
 */
@inline
function updateTwoRows(
  n: i32,
  from: i32,
  r0: usize,
  r1: usize,
  space: Space,
  v0: f32,
  w0: f32,
  u0: f32,
  v1: f32,
  w1: f32,
  u1: f32,
): v128 {
  const minusV0 = f32x4.splat(-v0), minusW0 = f32x4.splat(-w0), su0 = f32x4.splat(u0);
  const minusV1 = f32x4.splat(-v1), minusW1 = f32x4.splat(-w1), su1 = f32x4.splat(u1);
  let dot0 = f32x4.splat(0), dot1 = dot0;
  let a0 = at(r0, from), a1 = at(r1, from);
  let pv = at(space.v, from), pw = at(space.w, from);
  let pu = at(space.u, from), pp = at(space.p, from);
  for (const end = at(r0, n); a0 < end; a0 += 16) {
    const w = v128.load(pw), v = v128.load(pv), u = v128.load(pu);
    const x = fma(minusW0, v, fma(minusV0, w, v128.load(a0)));
    const y = fma(minusW1, v, fma(minusV1, w, v128.load(a1)));
    v128.store(a0, x);
    v128.store(a1, y);
    dot0 = fma(x, u, dot0);
    dot1 = fma(y, u, dot1);
    v128.store(pp, fma(y, su1, fma(x, su0, v128.load(pp))));
    a1 += 16;
    pv += 16;
    pw += 16;
    pu += 16;
    pp += 16;
  }
  return f32x4.replace_lane(f32x4.splat(sum4(dot0)), 1, sum4(dot1));
}

/** v = u and w = tau p - tau^2/2 (p u) u, and row k + 1 of A, which the next step begins with. */
function prepareUpdate(n: i32, k: i32, tau: f32, space: Space): void {
  const u = space.u, v = space.v, w = space.w, p = space.p;
  let overlap: f64 = 0;
  for (let j = k + 1; j < n; j++) overlap += <f64>load<f32>(at(p, j)) * <f64>load<f32>(at(u, j));
  const h = <f32>(0.5 * <f64>tau * <f64>tau * overlap);
  for (let j = k + 1; j < n; j++) {
    const x = load<f32>(at(u, j));
    store<f32>(at(w, j), tau * load<f32>(at(p, j)) - h * x);
    store<f32>(at(v, j), x);
  }
  const row = space.work + <usize>(k + 1) * space.stride;
  const v0 = load<f32>(at(v, k + 1)), w0 = load<f32>(at(w, k + 1));
  for (let j = k + 1; j < n; j++) {
    const x = load<f32>(at(row, j));
    store<f32>(at(row, j), x - v0 * load<f32>(at(w, j)) - w0 * load<f32>(at(v, j)));
  }
}

/** The last 2 x 2 corner. */
function finish(n: i32, space: Space): void {
  const last = n - 1;
  if (n > 1) {
    const row = space.work + <usize>(n - 2) * space.stride;
    store<f64>(at64(space.d, n - 2), <f64>load<f32>(at(row, n - 2)));
    store<f64>(at64(space.e, n - 2), <f64>load<f32>(at(row, last)));
  }
  let corner = load<f32>(at(space.work + <usize>last * space.stride, last));
  if (n > 2) corner -= 2 * load<f32>(at(space.v, last)) * load<f32>(at(space.w, last));
  store<f64>(at64(space.d, last), <f64>corner);
  store<f64>(at64(space.e, last), 0);
}
