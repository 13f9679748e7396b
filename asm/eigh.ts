// eigh: eigenvectors of one symmetric matrix, by whatever suits its size and history.
//
//   A = Q diag(values) Q^T,   A, Q [n, n] float32, columns of Q orthonormal
//
// With an earlier basis P, S = P^T A P tells how stale it is: share = |offdiag S|_F / |S|_F. While
// the share is small enough the basis stands; if it is small and so is the matrix, Jacobi starts
// from P; otherwise, or when Jacobi does not settle, the past is forgotten. S costs half as much as
// a cold solution, so it is only computed where something depends on it: where the caller lets a
// basis stand, or the matrix is small enough for Jacobi. This file is the only place where that is
// decided. All solvers work on A scaled to a largest entry between 1 and 2, in
// which entries too small to matter are 0: their products would be denormal.
// Status: [kept 0 | Jacobi 1 | divide and conquer 2 | failed -1; share or -1; sweeps or 0].

import { divideAndConquer, divideAndConquerWorkspace } from "./eigh_divide_and_conquer";
import { jacobi, jacobiBytes, jacobiRow, JacobiSpace, layOutJacobi } from "./eigh_jacobi";
import { gemmWorkspace, multiply } from "./gemm";
import { sumOfProducts } from "./reductions";
import { mirrorUpper } from "./second_moment";
import { align64, at, flushBelow, loadTail, storeTail } from "./simd";

const FAILED: f32 = -1;
const KEPT: f32 = 0;
const JACOBI: f32 = 1;
const DIVIDE_AND_CONQUER: f32 = 2;

/** Up to this size, and this share, a warm start by Jacobi beats a cold one. */
const JACOBI_SIZE: i32 = 40;
const JACOBI_SHARE: f64 = 2e-3;
/** Entries of the scaled matrix that are smaller are 0. */
const NEGLIGIBLE: f32 = 1e-18;

/** Bytes of workspace of {@link eigh}. */
export function eighWorkspace(n: i32): usize {
  const square = align64(<usize>(n * n) << 2);
  const warm = align64(jacobiBytes(n)) + square + gemmWorkspace(n, n, n);
  return square + max(warm, divideAndConquerWorkspace(n));
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
  const square = align64(<usize>(n * n) << 2);
  const a = workspace, room = workspace + square;
  const scale = copyScaled(n, a, matrix, strideM);
  let share: f64 = -1, sweeps = 0, solver = FAILED;
  if (scale > 0 && previous != 0 && (staleness > 0 || n <= JACOBI_SIZE)) {
    const space = layOutJacobi(n, room), s = room + align64(jacobiBytes(n)), rest = s + square;
    rotateBasis(n, s, a, previous, strideP, space, rest);
    const norm = frobenius(n, s);
    share = norm > 0 ? offDiagonal(n, s, norm) / norm : 0;
    if (staleness > 0 && share <= <f64>staleness) {
      for (let i = 0; i < n; i++) store<f32>(at(values, i), load<f32>(at(s, i * n + i)));
      solver = KEPT;
    } else if (n <= JACOBI_SIZE && share <= JACOBI_SHARE) {
      fillBasis(n, previous, strideP, space);
      sweeps = jacobi(n, norm, space);
      if (sweeps > 0) {
        orthonormalize(n, vectors, strideV, s, space, rest);
        memory.copy(values, space.diagonal, <usize>n << 2);
        solver = JACOBI;
      }
    }
  }
  if (scale > 0 && solver == FAILED) {
    sweeps = 0;
    if (divideAndConquer(n, vectors, strideV, values, a, room)) solver = DIVIDE_AND_CONQUER;
  }
  if (solver != FAILED) scaleBy(n, scale, values);
  if (previous != 0 && solver <= KEPT) copyMatrix(n, vectors, strideV, previous, strideP);
  store<f32>(status, solver);
  store<f32>(status, <f32>share, 4);
  store<f32>(status, <f32>sweeps, 8);
}

/**
 * Copies A, without gaps, divided by the largest power of two that is not above its largest entry;
 * returns that power, 1 for a matrix of zeros, or 0 when A is not finite.
 */
function copyScaled(n: i32, out: usize, matrix: usize, strideM: i32): f32 {
  let most = f32x4.splat(0);
  for (let i = 0; i < n; i++) {
    let p = at(matrix, i * strideM), j = n;
    for (; j >= 4; j -= 4, p += 16) most = f32x4.max(most, f32x4.abs(v128.load(p)));
    if (j > 0) most = f32x4.max(most, f32x4.abs(loadTail(p, j)));
  }
  const largest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  if (!(largest < Infinity)) return 0;
  const exponent = reinterpret<u32>(largest) & 0x7f800000;
  const scale: f32 = exponent > 0 ? reinterpret<f32>(exponent) : 1;
  const factor = f32x4.splat(<f32>1 / scale);
  for (let i = 0; i < n; i++) {
    let p = at(matrix, i * strideM), j = n;
    for (; j >= 4; j -= 4, p += 16, out += 16) {
      v128.store(out, flushBelow(f32x4.mul(factor, v128.load(p)), NEGLIGIBLE));
    }
    if (j > 0) storeTail(out, flushBelow(f32x4.mul(factor, loadTail(p, j)), NEGLIGIBLE), j);
    out += <usize>j << 2;
  }
  return scale;
}

/** S = P^T A P by way of T = P^T A, which is left where Jacobi expects it. */
function rotateBasis(
  n: i32,
  s: usize,
  a: usize,
  basis: usize,
  strideP: i32,
  space: JacobiSpace,
  workspace: usize,
): void {
  const row = <usize>n << 2, lp = <usize>strideP << 2;
  const t = space.rows, lt = jacobiRow(space);
  multiply(n, n, n, 1, 0, t, lt, basis, 4, lp, a, row, 4, 0, false, workspace);
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

/** |S|_F. */
function frobenius(n: i32, s: usize): f64 {
  let squares: f64 = 0;
  for (let i = 0; i < n; i++) squares += sumOfProducts(n, at(s, i * n), at(s, i * n));
  return sqrt(squares);
}

/** |offdiag S|_F from the norm of S. */
function offDiagonal(n: i32, s: usize, norm: f64): f64 {
  let diagonal: f64 = 0;
  for (let i = 0; i < n; i++) {
    const d = <f64>load<f32>(at(s, i * n + i));
    diagonal += d * d;
  }
  return sqrt(max(0, norm * norm - diagonal));
}

function scaleBy(n: i32, scale: f32, x: usize): void {
  for (let i = 0; i < n; i++) store<f32>(at(x, i), scale * load<f32>(at(x, i)));
}

function copyMatrix(n: i32, out: usize, strideOut: i32, x: usize, strideX: i32): void {
  for (let i = 0; i < n; i++) {
    memory.copy(at(out, i * strideOut), at(x, i * strideX), <usize>n << 2);
  }
}
