// Cyclic Jacobi for a symmetric matrix, in float64 (the accuracy reference of the other solvers).
//
//   S = V A V^T  ->  diagonal, by plane rotations in the order (0,1), (0,2), ..., (n-2,n-1)
//
// S and V [n, n] float64; rows of V become the eigenvectors. Starting from the identity it costs
// five to ten sweeps of 6 n^3 operations; starting from a basis that nearly diagonalizes A one or
// two, in which entries below the threshold are passed over.
// Golub & Van Loan 2013, section 8.5.

import { fma64 } from "./fma";
import { at64, sum2 } from "./simd";

/**
 * Entries below this share of |S|_F / n are zero to float32; together they are below it of |S|_F.
 */
const NEGLIGIBLE: f64 = 5e-7;

/** Cyclic Jacobi converges quadratically; what has not settled by then never will. */
const MOST_SWEEPS: i32 = 40;

/** Distance of rows in bytes: an even number of float64. */
export function jacobiStride(n: i32): usize {
  return <usize>((n + 1) & ~1) << 3;
}

/** Diagonalizes S, applying every rotation to V as well. Returns the number of sweeps, or -1. */
export function jacobi(n: i32, s: usize, v: usize): i32 {
  const stride = jacobiStride(n);
  const norm = frobenius(n, s, stride);
  if (!(norm < Infinity)) return -1;
  const threshold = NEGLIGIBLE * norm / n;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotations = 0;
    for (let p = 0; p < n - 1; p++) rotations += eliminateRow(n, p, threshold, s, v, stride);
    if (rotations == 0) return sweep;
  }
  return -1;
}

/**
 * Eliminates the entries of row p behind the diagonal, one by one. Rows p and q are rotated as a
 * whole; by symmetry they are the new columns. Column q is written at once; column p, which every
 * rotation changes, when the row is done: until then its entry in row q is taken from row p.
 */
function eliminateRow(n: i32, p: i32, threshold: f64, s: usize, v: usize, stride: usize): i32 {
  const rowP = s + <usize>p * stride, vectorP = v + <usize>p * stride;
  let rotations = 0;
  for (let q = p + 1; q < n; q++) {
    const pq = load<f64>(at64(rowP, q));
    if (abs(pq) <= threshold) continue;
    rotations++;
    const rowQ = s + <usize>q * stride;
    const pp = load<f64>(at64(rowP, p)), qq = load<f64>(at64(rowQ, q));
    const z = (qq - pp) / (2 * pq);
    const t = (z >= 0 ? 1.0 : -1.0) / (abs(z) + sqrt(1 + z * z));
    const cosine = 1 / sqrt(1 + t * t), sine = t * cosine;
    rotate(n, cosine, sine, rowP, rowQ);
    rotate(n, cosine, sine, vectorP, v + <usize>q * stride);
    store<f64>(at64(rowP, p), pp - t * pq);
    store<f64>(at64(rowQ, q), qq + t * pq);
    store<f64>(at64(rowQ, p), 0);
    writeColumn(n, q, rowQ, s, stride);
  }
  if (rotations > 0) writeColumn(n, p, rowP, s, stride);
  return rotations;
}

/** Column k of S from its row k. */
@inline
function writeColumn(n: i32, k: i32, row: usize, s: usize, stride: usize): void {
  let target = at64(s, k);
  for (let i = 0; i < n; i++) {
    store<f64>(target, load<f64>(row));
    row += 8;
    target += stride;
  }
}

/** x = cosine x - sine y and y = sine x + cosine y, rows padded to an even length. */
@inline
function rotate(n: i32, cosine: f64, sine: f64, x: usize, y: usize): void {
  const c = f64x2.splat(cosine), s = f64x2.splat(sine), minus = f64x2.splat(-sine);
  for (let k = 0; k < n; k += 2) {
    const a = v128.load(x), b = v128.load(y);
    v128.store(x, fma64(minus, b, f64x2.mul(c, a)));
    v128.store(y, fma64(s, a, f64x2.mul(c, b)));
    x += 16;
    y += 16;
  }
}

/** |S|_F; padding must be zero. */
function frobenius(n: i32, s: usize, stride: usize): f64 {
  let total = f64x2.splat(0);
  const end = s + <usize>n * stride;
  for (let p = s; p < end; p += 16) {
    const x = v128.load(p);
    total = fma64(x, x, total);
  }
  return sqrt(sum2(total));
}
