// eigh: eigenvectors of one symmetric matrix, by whatever suits its size and history.
//
//   A = Q diag(values) Q^T,   A, Q [n, n] float32, columns of Q orthonormal
//
// With an earlier basis P, S = P^T A P tells how stale it is: share = |offdiag S|_F / |S|_F. While
// the share is small enough the basis stands; if it is small and so is the matrix, Jacobi starts
// from S; otherwise the past is forgotten. This file is the only place where that is decided.
// Status: [kept 0 | Jacobi 1 | divide and conquer 2 | failed -1; share or -1; sweeps or 0].

import { divideAndConquer, divideAndConquerWorkspace } from "./eigh_divide_and_conquer";
import { jacobi, jacobiStride } from "./eigh_jacobi";
import { gemmWorkspace, multiply } from "./gemm";
import { sumOfProducts } from "./reductions";
import { mirrorUpper } from "./second_moment";
import { align64, at, at64 } from "./simd";

const FAILED: f32 = -1;
const KEPT: f32 = 0;
const JACOBI: f32 = 1;
const DIVIDE_AND_CONQUER: f32 = 2;

/** Up to this size a cold start by Jacobi is the faster one. */
const COLD_JACOBI_SIZE: i32 = 4;
/**
 * Up to this size, and this share, a warm start by Jacobi beats a cold one by divide and conquer.
 */
const WARM_JACOBI_SIZE: i32 = 32;
const WARM_JACOBI_SHARE: f64 = 2e-3;

/** Bytes of workspace of {@link eigh}. */
export function eighWorkspace(n: i32): usize {
  const rotated = 2 * align64(<usize>(n * n) << 2) + gemmWorkspace(n, n, n);
  return max(rotated + jacobiWorkspace(n), divideAndConquerWorkspace(n));
}

/** Solves one job; see EighJob for what `previous` (0 for none) and `staleness` mean. */
export function eigh(
  n: i32,
  staleness: f32,
  vectors: usize,
  strideV: i32,
  values: usize,
  status: usize,
  matrix: usize,
  strideM: i32,
  previous: usize,
  strideP: i32,
  workspace: usize,
): void {
  const row = <usize>n << 2;
  const rotated = workspace, rest = workspace + align64(<usize>n * row);
  let share: f64 = -1;
  if (previous != 0) {
    rotateBasis(n, rotated, matrix, strideM, previous, strideP, rest);
    share = offDiagonalShare(n, rotated);
    if (staleness > 0 && share <= <f64>staleness) {
      copyMatrix(n, vectors, strideV, previous, strideP);
      for (let i = 0; i < n; i++) store<f32>(at(values, i), load<f32>(at(rotated, i * n + i)));
      report(status, KEPT, share, 0);
      return;
    }
  }
  let sweeps = -1, solver = JACOBI;
  if (!isFinite(matrix, n, strideM)) {
    solver = FAILED;
  } else if (previous != 0 && n <= WARM_JACOBI_SIZE && share <= WARM_JACOBI_SHARE) {
    // deno-fmt-ignore
    sweeps = solveByJacobi(n, vectors, strideV, values, rotated, n, previous, strideP, rest);
  } else if (n <= COLD_JACOBI_SIZE) {
    sweeps = solveByJacobi(n, vectors, strideV, values, matrix, strideM, 0, 0, rest);
  } else if (divideAndConquer(n, vectors, strideV, values, matrix, strideM, workspace)) {
    solver = DIVIDE_AND_CONQUER;
    sweeps = 0;
  }
  if (sweeps < 0) {
    if (previous != 0) copyMatrix(n, vectors, strideV, previous, strideP);
    report(status, FAILED, share, 0);
  } else report(status, solver, share, sweeps);
}

/** The same by cyclic Jacobi from a cold start, whatever the size: the accuracy reference. */
export function eighByJacobi(
  n: i32,
  vectors: usize,
  strideV: i32,
  values: usize,
  status: usize,
  matrix: usize,
  strideM: i32,
  workspace: usize,
): void {
  const sweeps = isFinite(matrix, n, strideM)
    ? solveByJacobi(n, vectors, strideV, values, matrix, strideM, 0, 0, workspace)
    : -1;
  report(status, sweeps < 0 ? FAILED : JACOBI, -1, max(sweeps, 0));
}

/** S = P^T A P. */
function rotateBasis(
  n: i32,
  s: usize,
  matrix: usize,
  strideM: i32,
  basis: usize,
  strideP: i32,
  workspace: usize,
): void {
  const row = <usize>n << 2, lm = <usize>strideM << 2, lp = <usize>strideP << 2;
  const half = workspace, rest = workspace + align64(<usize>n * row);
  multiply(n, n, n, 1, 0, half, row, matrix, lm, 4, basis, lp, 4, 0, false, rest);
  multiply(n, n, n, 1, 0, s, row, basis, 4, lp, half, row, 4, 0, true, rest);
  mirrorUpper(n, s, row);
}

/** |offdiag S|_F / |S|_F, 0 for the zero matrix; NaN when S is not finite. */
function offDiagonalShare(n: i32, s: usize): f64 {
  let all: f64 = 0, diagonal: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = at(s, i * n);
    all += sumOfProducts(n, row, row);
    const d = <f64>load<f32>(at(row, i));
    diagonal += d * d;
  }
  return all == 0 ? 0 : sqrt(max(0, all - diagonal) / all);
}

/** Bytes of workspace of {@link solveByJacobi}. */
function jacobiWorkspace(n: i32): usize {
  return 2 * align64(<usize>n * jacobiStride(n)) + align64(<usize>n << 2);
}

/**
 * Jacobi on S with columns of `basis` (0: of the identity) as they are rotated; sorted when cold.
 */
function solveByJacobi(
  n: i32,
  vectors: usize,
  strideV: i32,
  values: usize,
  matrix: usize,
  strideM: i32,
  basis: usize,
  strideP: i32,
  workspace: usize,
): i32 {
  const stride = jacobiStride(n), size = align64(<usize>n * stride);
  const s = workspace, v = s + size, order = v + size;
  memory.fill(s, 0, 2 * size);
  for (let i = 0; i < n; i++) {
    const rowS = s + <usize>i * stride, rowV = v + <usize>i * stride;
    for (let j = 0; j < n; j++) {
      store<f64>(at64(rowS, j), <f64>load<f32>(at(matrix, i * strideM + j)));
      if (basis != 0) store<f64>(at64(rowV, j), <f64>load<f32>(at(basis, j * strideP + i)));
    }
    if (basis == 0) store<f64>(at64(rowV, i), 1);
    store<i32>(at(order, i), i);
  }
  const sweeps = jacobi(n, s, v);
  if (sweeps < 0) return sweeps;
  if (basis == 0) sortByDiagonal(n, order, s, stride);
  for (let j = 0; j < n; j++) {
    const k = load<i32>(at(order, j));
    store<f32>(at(values, j), <f32>load<f64>(at64(s + <usize>k * stride, k)));
    const column = v + <usize>k * stride;
    for (let i = 0; i < n; i++) {
      store<f32>(at(vectors, i * strideV + j), <f32>load<f64>(at64(column, i)));
    }
  }
  return sweeps;
}

/** Insertion sort of `order` by the diagonal of S, ascending; n is small here. */
function sortByDiagonal(n: i32, order: usize, s: usize, stride: usize): void {
  for (let i = 1; i < n; i++) {
    const k = load<i32>(at(order, i));
    const value = load<f64>(at64(s + <usize>k * stride, k));
    let j = i - 1;
    for (; j >= 0; j--) {
      const other = load<i32>(at(order, j));
      if (load<f64>(at64(s + <usize>other * stride, other)) <= value) break;
      store<i32>(at(order, j + 1), other);
    }
    store<i32>(at(order, j + 1), k);
  }
}

/** Whether no entry is NaN or infinite: the sum of squares in float64 cannot overflow. */
function isFinite(matrix: usize, n: i32, stride: i32): bool {
  let total: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = at(matrix, i * stride);
    total += sumOfProducts(n, row, row);
  }
  return total < Infinity;
}

function copyMatrix(n: i32, out: usize, strideOut: i32, x: usize, strideX: i32): void {
  for (let i = 0; i < n; i++) {
    memory.copy(at(out, i * strideOut), at(x, i * strideX), <usize>n << 2);
  }
}

function report(status: usize, solver: f32, share: f64, sweeps: i32): void {
  store<f32>(status, solver);
  store<f32>(status, <f32>share, 4);
  store<f32>(status, <f32>sweeps, 8);
}
