// eigh: eigenvectors of one symmetric matrix, by whatever suits its size and history.
//
//   A = Q diag(values) Q^T,   A, Q [n, n] float32, columns of Q orthonormal
//
// With an earlier basis P, S = P^T A P tells how stale it is: share = |offdiag S|_F / |S|_F. While
// the share is small enough the basis stands; if it is small and so is the matrix, Jacobi starts
// from P; otherwise, or when Jacobi does not settle, the past is forgotten. This file is the only
// place where that is decided.
// Status: [kept 0 | Jacobi 1 | divide and conquer 2 | failed -1; share or -1; sweeps or 0].

import { divideAndConquer, divideAndConquerWorkspace } from "./eigh_divide_and_conquer";
import { jacobi, jacobiBytes, jacobiRow, JacobiSpace, layOutJacobi } from "./eigh_jacobi";
import { gemmWorkspace, multiply } from "./gemm";
import { sumOfProducts } from "./reductions";
import { mirrorUpper } from "./second_moment";
import { align64, at } from "./simd";

const FAILED: f32 = -1;
const KEPT: f32 = 0;
const JACOBI: f32 = 1;
const DIVIDE_AND_CONQUER: f32 = 2;

/** Up to this size, and this share, a warm start by Jacobi beats a cold one. */
const JACOBI_SIZE: i32 = 40;
const JACOBI_SHARE: f64 = 2e-3;
/** Norms for which float32 neither overflows nor vanishes in a rotation. */
const SMALLEST_NORM: f64 = 1e-24, LARGEST_NORM: f64 = 1e30;

/** Bytes of workspace of {@link eigh}. */
export function eighWorkspace(n: i32): usize {
  const warm = align64(jacobiBytes(n)) + align64(<usize>(n * n) << 2) + gemmWorkspace(n, n, n);
  return max(warm, divideAndConquerWorkspace(n));
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
  let share: f64 = -1;
  const norm = frobenius(n, matrix, strideM);
  if (previous != 0) {
    const space = layOutJacobi(n, workspace);
    const s = workspace + align64(jacobiBytes(n)), rest = s + align64(<usize>(n * n) << 2);
    rotateBasis(n, s, matrix, strideM, previous, strideP, space, rest);
    share = offDiagonalShare(n, s);
    if (staleness > 0 && share <= <f64>staleness) {
      copyMatrix(n, vectors, strideV, previous, strideP);
      for (let i = 0; i < n; i++) store<f32>(at(values, i), load<f32>(at(s, i * n + i)));
      report(status, KEPT, share, 0);
      return;
    }
    if (n <= JACOBI_SIZE && share <= JACOBI_SHARE && norm > SMALLEST_NORM && norm < LARGEST_NORM) {
      fillBasis(n, previous, strideP, space);
      const sweeps = jacobi(n, norm, space);
      if (sweeps > 0) {
        orthonormalize(n, vectors, strideV, s, space, rest);
        memory.copy(values, space.diagonal, <usize>n << 2);
        report(status, JACOBI, share, sweeps);
        return;
      }
    }
  }
  const finite = norm < Infinity;
  if (finite && divideAndConquer(n, vectors, strideV, values, matrix, strideM, workspace)) {
    report(status, DIVIDE_AND_CONQUER, share, 0);
    return;
  }
  if (previous != 0) copyMatrix(n, vectors, strideV, previous, strideP);
  report(status, FAILED, share, 0);
}

/** S = P^T A P by way of T = P^T A, which is left where Jacobi expects it. */
function rotateBasis(
  n: i32,
  s: usize,
  matrix: usize,
  strideM: i32,
  basis: usize,
  strideP: i32,
  space: JacobiSpace,
  workspace: usize,
): void {
  const row = <usize>n << 2, lm = <usize>strideM << 2, lp = <usize>strideP << 2;
  const t = space.rows, lt = jacobiRow(space);
  multiply(n, n, n, 1, 0, t, lt, basis, 4, lp, matrix, lm, 4, 0, false, workspace);
  multiply(n, n, n, 1, 0, s, row, t, lt, 4, basis, lp, 4, 0, true, workspace);
  mirrorUpper(n, s, row);
}

/** V = P^T beside T, and zeros wherever rows are padded. */
function fillBasis(n: i32, basis: usize, strideP: i32, space: JacobiSpace): void {
  const row = jacobiRow(space), half = row >> 1, used = <usize>n << 2;
  for (let i = 0; i < n; i++) {
    const t = space.rows + <usize>i * row, v = t + half;
    memory.fill(t + used, 0, half - used);
    for (let j = 0; j < n; j++) store<f32>(at(v, j), load<f32>(at(basis, j * strideP + i)));
    memory.fill(v + used, 0, half - used);
  }
  memory.fill(space.rows + <usize>n * row, 0, <usize>(space.size - n) * row);
}

/**
 * Q = V^T (3 I - V V^T) / 2: a step of Newton's method towards the nearest orthonormal basis, so
 * that roundings do not add up over many warm starts.
 */
function orthonormalize(
  n: i32,
  vectors: usize,
  strideV: i32,
  room: usize,
  space: JacobiSpace,
  workspace: usize,
): void {
  const row = <usize>n << 2, v = at(space.rows, space.size), lv = jacobiRow(space);
  multiply(n, n, n, -0.5, 0, room, row, v, lv, 4, v, 4, lv, 0, true, workspace);
  mirrorUpper(n, room, row);
  for (let i = 0; i < n; i++) {
    const p = at(room, i * n + i);
    store<f32>(p, <f32>1.5 + load<f32>(p));
  }
  const out = <usize>strideV << 2;
  multiply(n, n, n, 1, 0, vectors, out, v, 4, lv, room, row, 4, 0, false, workspace);
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

/** |A|_F; not finite when an entry is not: squares of float32 cannot overflow float64. */
function frobenius(n: i32, matrix: usize, stride: i32): f64 {
  let total: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = at(matrix, i * stride);
    total += sumOfProducts(n, row, row);
  }
  return sqrt(total);
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
