// All eigenvectors of a symmetric matrix from a cold start: Householder reduction to a tridiagonal
// matrix T, divide and conquer on T, back-transformation. About three products of the matrix's
// size.
//
// A [n, n] float32 without gaps, upper triangle, largest entry between 1 and 2; eigenvalues
// ascending, eigenvectors as columns. The reduction, the products and the vectors are float32, all
// that decides about eigenvalues (T, secular equation, leaves) float64. Residual |A Q - Q L| / |A|
// and |Q^T Q - I| stay below 3e-6.

import { solveLeaf } from "./eigh_leaf";
import { merge, sortByEigenvalue } from "./eigh_merge";
import { layOut, LEAF, Space, spaceBytes } from "./eigh_space";
import { tridiagonalize } from "./eigh_tridiagonalize";
import { backTransform } from "./eigh_back_transform";
import { at, at64, flushBelow, interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";

/** Components below this do not show in a unit vector, and their products would be denormal. */
const TINY: f32 = 1e-18;

/** Bytes of workspace of {@link divideAndConquer}. */
export function divideAndConquerWorkspace(n: i32): usize {
  return spaceBytes(n);
}

/** Solves a finite matrix; false, with nothing written, when a leaf does not converge. */
export function divideAndConquer(
  n: i32,
  vectors: usize,
  strideV: i32,
  values: usize,
  matrix: usize,
  workspace: usize,
): bool {
  if (n == 0) return true;
  const space = layOut(n, workspace);
  copyUpper(n, matrix, space);
  tridiagonalize(n, space);
  memory.fill(space.z, 0, <usize>n * space.stride);
  if (!divide(0, n, normOf(n, space), space)) return false;
  if (n > 2) backTransform(n, space);
  sortByEigenvalue(0, n, space);
  for (let j = 0; j < n; j++) {
    const value = load<f64>(at64(space.d, load<i32>(at(space.order, j))));
    store<f32>(at(values, j), <f32>value);
  }
  transposeInOrder(n, vectors, strideV, space);
  return true;
}

/** Copies the upper triangle, zeros around it. */
function copyUpper(n: i32, matrix: usize, space: Space): void {
  for (let i = 0; i < n; i++) {
    const row = space.work + <usize>i * space.stride;
    memory.fill(row, 0, space.stride);
    memory.copy(at(row, i), at(matrix, i * n + i), <usize>(n - i) << 2);
  }
}

/** Largest absolute row sum of T. */
function normOf(n: i32, space: Space): f64 {
  let norm: f64 = 0, before: f64 = 0;
  for (let i = 0; i < n; i++) {
    const after = abs(load<f64>(at64(space.e, i)));
    norm = max(norm, abs(load<f64>(at64(space.d, i))) + before + after);
    before = after;
  }
  return norm;
}

/** Rows [from, to): solved as a leaf, or torn in two, solved and merged. */
function divide(from: i32, to: i32, norm: f64, space: Space): bool {
  const m = to - from;
  if (m <= LEAF) return solveLeaf(from, to, norm, space);
  const middle = (from + (m >> 1) + 3) & ~3;
  const coupling = load<f64>(at64(space.e, middle - 1)), size = abs(coupling);
  store<f64>(at64(space.d, middle - 1), load<f64>(at64(space.d, middle - 1)) - size);
  store<f64>(at64(space.d, middle), load<f64>(at64(space.d, middle)) - size);
  store<f64>(at64(space.e, middle - 1), 0);
  if (!divide(from, middle, norm, space) || !divide(middle, to, norm, space)) return false;
  merge(from, middle, to, coupling, norm, space);
  return true;
}

/** Column j of `vectors` is row order[j] of z, four by four. */
function transposeInOrder(n: i32, vectors: usize, strideV: i32, space: Space): void {
  const row = <usize>strideV << 2;
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    let z0 = rowInOrder(j, space), z1 = rowInOrder(j + 1, space);
    let z2 = rowInOrder(j + 2, space), z3 = rowInOrder(j + 3, space);
    let out = at(vectors, j), i = 0;
    for (; i + 4 <= n; i += 4) {
      const r0 = flushBelow(v128.load(z0), TINY), r1 = flushBelow(v128.load(z1), TINY);
      const r2 = flushBelow(v128.load(z2), TINY), r3 = flushBelow(v128.load(z3), TINY);
      const low01 = interleaveLow(r0, r1), high01 = interleaveHigh(r0, r1);
      const low23 = interleaveLow(r2, r3), high23 = interleaveHigh(r2, r3);
      v128.store(out, joinLow(low01, low23));
      v128.store(out + row, joinHigh(low01, low23));
      v128.store(out + 2 * row, joinLow(high01, high23));
      v128.store(out + 3 * row, joinHigh(high01, high23));
      z0 += 16;
      z1 += 16;
      z2 += 16;
      z3 += 16;
      out += 4 * row;
    }
    for (; i < n; i++) {
      store<f32>(out, load<f32>(z0));
      store<f32>(out, load<f32>(z1), 4);
      store<f32>(out, load<f32>(z2), 8);
      store<f32>(out, load<f32>(z3), 12);
      z0 += 4;
      z1 += 4;
      z2 += 4;
      z3 += 4;
      out += row;
    }
  }
  for (; j < n; j++) {
    const z = rowInOrder(j, space);
    for (let i = 0; i < n; i++) store<f32>(at(vectors + <usize>i * row, j), load<f32>(at(z, i)));
  }
}

@inline
function rowInOrder(j: i32, space: Space): usize {
  return space.z + <usize>load<i32>(at(space.order, j)) * space.stride;
}
