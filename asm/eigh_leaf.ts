// Eigenvectors of a small tridiagonal matrix by implicit QL, in float64: the leaves of
// eigh_divide_and_conquer.ts. (Float32 would meet denormals and slow down fivefold on graded
// matrices.)
//
// d and e of rows [from, to) are overwritten, d with the eigenvalues in no particular order; rows
// [from, to) of z receive the eigenvectors, float32, in columns [from, to).
// Golub & Van Loan 2013, section 8.3.5; Wilkinson's shift.

import { fma64 } from "./fma";
import { Space } from "./eigh_space";
import { at, at64 } from "./simd";

/** QL steps per eigenvalue before giving up; two are usual. */
const MOST_STEPS: i32 = 60;
/** Off-diagonals below this share of their neighbours, or twice that of the norm, are zero. */
const SPLIT: f64 = 1e-9;
/** Components below this are not worth a denormal. */
const TINY: f64 = 1e-12;

/** Solves the leaf; false when an eigenvalue does not settle. */
export function solveLeaf(from: i32, to: i32, norm: f64, space: Space): bool {
  const m = to - from, d = space.d, e = space.e, q = space.blocks;
  const stride = <usize>((m + 1) & ~1) << 3;
  memory.fill(q, 0, <usize>m * stride);
  for (let i = 0; i < m; i++) store<f64>(at64(q + <usize>i * stride, i), 1);
  for (let l = from; l < to; l++) {
    let steps = 0;
    while (true) {
      const end = splitAt(l, to, norm, d, e);
      if (end == l) break;
      if (steps++ == MOST_STEPS) return false;
      step(l, end, from, stride, m, d, e, q);
    }
  }
  for (let i = 0; i < m; i++) {
    const row = space.z + <usize>(from + i) * space.stride;
    for (let j = 0; j < m; j++) {
      const x = load<f64>(at64(q + <usize>i * stride, j));
      store<f32>(at(row, from + j), abs(x) < TINY ? 0 : <f32>x);
    }
  }
  return true;
}

/** The first index from l on behind which the matrix falls apart. */
function splitAt(l: i32, to: i32, norm: f64, d: usize, e: usize): i32 {
  let m = l;
  for (; m < to - 1; m++) {
    const size = abs(load<f64>(at64(d, m))) + abs(load<f64>(at64(d, m + 1)));
    if (abs(load<f64>(at64(e, m))) <= SPLIT * size + 2 * SPLIT * norm) break;
  }
  return m;
}

/** One QL step on rows l to m: rotations from the bottom up chase the bulge. */
function step(
  l: i32,
  m: i32,
  from: i32,
  stride: usize,
  size: i32,
  d: usize,
  e: usize,
  q: usize,
): void {
  const el = load<f64>(at64(e, l)), dl = load<f64>(at64(d, l));
  const half = (load<f64>(at64(d, l + 1)) - dl) / (2 * el);
  const root = sqrt(half * half + 1);
  let g = load<f64>(at64(d, m)) - dl + el / (half + (half >= 0 ? root : -root));
  let sine: f64 = 1, cosine: f64 = 1, shift: f64 = 0;
  for (let i = m - 1; i >= l; i--) {
    const ei = load<f64>(at64(e, i));
    const f = sine * ei, b = cosine * ei;
    const r = sqrt(f * f + g * g);
    store<f64>(at64(e, i + 1), r);
    if (r == 0) {
      store<f64>(at64(d, i + 1), load<f64>(at64(d, i + 1)) - shift);
      store<f64>(at64(e, m), 0);
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = load<f64>(at64(d, i + 1)) - shift;
    const t = (load<f64>(at64(d, i)) - g) * sine + 2 * cosine * b;
    shift = sine * t;
    store<f64>(at64(d, i + 1), g + shift);
    g = cosine * t - b;
    const row = q + <usize>(i - from) * stride;
    rotateRows(size, cosine, sine, row, row + stride);
  }
  store<f64>(at64(d, l), load<f64>(at64(d, l)) - shift);
  store<f64>(at64(e, l), g);
  store<f64>(at64(e, m), 0);
}

/** x = cosine x - sine y, y = sine x + cosine y. */
@inline
function rotateRows(n: i32, cosine: f64, sine: f64, x: usize, y: usize): void {
  const c = f64x2.splat(cosine), s = f64x2.splat(sine), minus = f64x2.splat(-sine);
  for (let j = 0; j < n; j += 2) {
    const a = v128.load(x), b = v128.load(y);
    v128.store(x, fma64(minus, b, f64x2.mul(c, a)));
    v128.store(y, fma64(s, a, f64x2.mul(c, b)));
    x += 16;
    y += 16;
  }
}
