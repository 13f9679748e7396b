// Jacobi from a basis that is nearly right, in float32.
//
//   S = V A V^T -> diagonal,   T = V A,   s_pq = T_p V_q
//
// V [n, n] holds the basis by rows. A plane rotation turns rows p and q of V and of T alike, so
// that both stay what they are and no column is ever touched: an entry of S is a product of two
// rows (Jacobi's method, one-sided). Row i of the workspace is [T_i | V_i], each half padded with
// zeros to `size` numbers, a multiple of 8.
//
// A sweep takes all pairs in the order of a tournament: those of a round are disjoint, so that
// their angles are found four at a time and no rotation waits for another. It costs 9 n^3
// operations when every pair is rotated, n^3 when none is.
// Golub & Van Loan 2013, sections 8.5.2 and 8.5.5.

import { fma } from "./fma";
import { at, interleaveHigh, interleaveLow, joinHigh, joinLow, sum4 } from "./simd";

/** What may stay of S off its diagonal, as a share of |S|_F; an n-th of it in a single entry. */
const NEGLIGIBLE: f64 = 2e-6;
/** One to three are usual; many mean that the basis was not nearly right. */
const MOST_SWEEPS: i32 = 8;

/** Where one diagonalization keeps its numbers. */
@unmanaged
export class JacobiSpace {
  /** Numbers in half a row. */
  size: i32;
  /** [T | V] by rows. */
  rows: usize;
  /** Diagonal of S. */
  diagonal: usize;
  /** Sines of the angles of a round's pairs, and tangents of half the angles. */
  sines: usize;
  halves: usize;
  /** Entries that are not larger stay. */
  threshold: f32;
  /** Sums of the squares of a sweep's tangents and of the entries it removed, four lanes each. */
  tangents: usize;
  entries: usize;
}

const HEAD: usize = 64;

/** Bytes of a space for order n. */
export function jacobiBytes(n: i32): usize {
  const size = <usize>sizeOf(n);
  return HEAD + (2 * size * size + 2 * size + 8) * 4;
}

function sizeOf(n: i32): i32 {
  return (n + 7) & ~7;
}

/** Divides a workspace of {@link jacobiBytes} bytes. */
export function layOutJacobi(n: i32, workspace: usize): JacobiSpace {
  const space = changetype<JacobiSpace>(workspace), size = sizeOf(n);
  space.size = size;
  space.rows = workspace + HEAD;
  space.diagonal = at(space.rows, 2 * size * size);
  space.sines = at(space.diagonal, size);
  space.halves = at(space.sines, size >> 1);
  space.tangents = at(space.halves, size >> 1);
  space.entries = space.tangents + 16;
  return space;
}

/** Bytes from row to row. */
@inline
export function jacobiRow(space: JacobiSpace): usize {
  return <usize>space.size << 3;
}

/**
 * Diagonalizes S = V A V^T, norm = |A|_F, rows filled in. Returns the number of sweeps, or -1 when
 * MOST_SWEEPS did not suffice.
 */
export function jacobi(n: i32, norm: f64, space: JacobiSpace): i32 {
  const allowed = NEGLIGIBLE * norm;
  space.threshold = <f32>(allowed / n);
  for (let sweep = 1; sweep <= MOST_SWEEPS; sweep++) {
    readDiagonal(space);
    v128.store(space.tangents, f32x4.splat(0));
    v128.store(space.entries, f32x4.splat(0));
    for (let round = 0; round < space.size - 1; round++) {
      for (let k = 0; k < space.size >> 1; k += 4) chooseAngles(round, k, space);
      rotatePairs(round, space);
    }
    // Rotations undo of each other what their angles make of the entries they removed.
    const tangents = 2 * <f64>sum4(v128.load(space.tangents));
    const entries = 2 * <f64>sum4(v128.load(space.entries));
    if (sqrt(tangents * entries) <= allowed) {
      readDiagonal(space);
      return sweep;
    }
  }
  return -1;
}

// Pairs of a round: all but the last row sit at a round table. Neighbours of the row that the round
// is named after meet at equal distances; that one meets the last.

/** One row of pair k. */
@inline
function first(round: i32, k: i32, size: i32): i32 {
  const seat = round + k;
  return seat >= size - 1 ? seat - (size - 1) : seat;
}

/** The other. */
@inline
function second(round: i32, k: i32, size: i32): i32 {
  if (k == 0) return size - 1;
  const seat = round - k;
  return seat < 0 ? seat + size - 1 : seat;
}

function readDiagonal(space: JacobiSpace): void {
  const row = jacobiRow(space);
  for (let i = 0; i < space.size; i += 4) {
    const a = space.rows + <usize>i * row, b = a + row, c = b + row, d = c + row;
    v128.store(at(space.diagonal, i), entries(space.size, a, a, b, b, c, c, d, d));
  }
}

/** s_pq of four pairs: T_p V_q. */
@inline
function entries(
  size: i32,
  p0: usize,
  q0: usize,
  p1: usize,
  q1: usize,
  p2: usize,
  q2: usize,
  p3: usize,
  q3: usize,
): v128 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const half = <usize>size << 2;
  q0 += half;
  q1 += half;
  q2 += half;
  q3 += half;
  for (let j: usize = 0; j < half; j += 16) {
    s0 = fma(v128.load(p0 + j), v128.load(q0 + j), s0);
    s1 = fma(v128.load(p1 + j), v128.load(q1 + j), s1);
    s2 = fma(v128.load(p2 + j), v128.load(q2 + j), s2);
    s3 = fma(v128.load(p3 + j), v128.load(q3 + j), s3);
  }
  const low01 = interleaveLow(s0, s1), high01 = interleaveHigh(s0, s1);
  const low23 = interleaveLow(s2, s3), high23 = interleaveHigh(s2, s3);
  return f32x4.add(
    f32x4.add(joinLow(low01, low23), joinHigh(low01, low23)),
    f32x4.add(joinLow(high01, high23), joinHigh(high01, high23)),
  );
}

/**
 * Angles that make the entries of pairs k to k + 3 zero (0 where they are negligible), and the
 * diagonal as it will be.
 */
function chooseAngles(round: i32, k: i32, space: JacobiSpace): void {
  const size = space.size, row = jacobiRow(space), rows = space.rows, d = space.diagonal;
  const p0 = first(round, k, size), q0 = second(round, k, size);
  const p1 = first(round, k + 1, size), q1 = second(round, k + 1, size);
  const p2 = first(round, k + 2, size), q2 = second(round, k + 2, size);
  const p3 = first(round, k + 3, size), q3 = second(round, k + 3, size);
  // deno-fmt-ignore
  const entry = entries(
    size, rows + <usize>p0 * row, rows + <usize>q0 * row, rows + <usize>p1 * row,
    rows + <usize>q1 * row, rows + <usize>p2 * row, rows + <usize>q2 * row,
    rows + <usize>p3 * row, rows + <usize>q3 * row,
  );
  const large = f32x4.gt(f32x4.abs(entry), f32x4.splat(space.threshold));
  if (!v128.any_true(large)) {
    v128.store(at(space.sines, k), f32x4.splat(0));
    return;
  }
  const dp = gather(d, p0, p1, p2, p3), dq = gather(d, q0, q1, q2, q3);
  // t = sign(z) / (|z| + sqrt(1 + z^2)), z = (d_q - d_p) / 2 s_pq.
  const one = f32x4.splat(1);
  const z = f32x4.div(f32x4.mul(f32x4.splat(0.5), f32x4.sub(dq, dp)), entry);
  const root = f32x4.sqrt(fma(z, z, one));
  const t = f32x4.div(one, f32x4.add(f32x4.abs(z), root));
  const tangent = v128.and(large, v128.or(t, v128.and(z, f32x4.splat(-0.0))));
  const cosine = f32x4.div(one, f32x4.sqrt(fma(tangent, tangent, one)));
  const sine = f32x4.mul(tangent, cosine);
  v128.store(at(space.sines, k), sine);
  v128.store(at(space.halves, k), f32x4.div(sine, f32x4.add(one, cosine)));
  const moved = f32x4.mul(tangent, entry);
  scatter(f32x4.sub(dp, moved), d, p0, p1, p2, p3);
  scatter(f32x4.add(dq, moved), d, q0, q1, q2, q3);
  v128.store(space.tangents, fma(tangent, tangent, v128.load(space.tangents)));
  const removed = v128.and(large, entry);
  v128.store(space.entries, fma(removed, removed, v128.load(space.entries)));
}

@inline
function gather(base: usize, i0: i32, i1: i32, i2: i32, i3: i32): v128 {
  let v = v128.load32_zero(at(base, i0));
  v = v128.load32_lane(at(base, i1), v, 1);
  v = v128.load32_lane(at(base, i2), v, 2);
  return v128.load32_lane(at(base, i3), v, 3);
}

@inline
function scatter(v: v128, base: usize, i0: i32, i1: i32, i2: i32, i3: i32): void {
  v128.store32_lane(at(base, i0), v, 0);
  v128.store32_lane(at(base, i1), v, 1);
  v128.store32_lane(at(base, i2), v, 2);
  v128.store32_lane(at(base, i3), v, 3);
}

/**
 * Row p = cosine p - sine q, row q = sine p + cosine q, for the pairs of a round. A cosine near 1
 * would lose the digits that keep lengths; as 1 - sine tan(angle / 2) it does not.
 */
function rotatePairs(round: i32, space: JacobiSpace): void {
  const size = space.size, row = jacobiRow(space);
  for (let k = 0; k < size >> 1; k++) {
    const sine = load<f32>(at(space.sines, k));
    if (sine == 0) continue;
    const s = f32x4.splat(sine), minus = f32x4.neg(s);
    const half = v128.load32_splat(at(space.halves, k)), minusHalf = f32x4.neg(half);
    const x = space.rows + <usize>first(round, k, size) * row;
    const y = space.rows + <usize>second(round, k, size) * row;
    for (let j: usize = 0; j < row; j += 16) {
      const a = v128.load(x + j), b = v128.load(y + j);
      v128.store(x + j, fma(minus, fma(half, a, b), a));
      v128.store(y + j, fma(s, fma(minusHalf, b, a), b));
    }
  }
}
