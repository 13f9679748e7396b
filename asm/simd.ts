// Small vector helpers shared by all kernels. A pointer is a byte address; `at` counts elements.

/** Address of element `i` of a float32 array. */
@inline
export function at(base: usize, i: i32): usize {
  return base + (<usize>i << 2);
}

/** Address of element `i` of a float64 array. */
@inline
export function at64(base: usize, i: i32): usize {
  return base + (<usize>i << 3);
}

/** Sum of the four float32 lanes. */
@inline
export function sum4(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Sum of the two float64 lanes. */
@inline
export function sum2(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** `x` rounded up to a multiple of 64 bytes, so that workspaces laid out in a row stay aligned. */
@inline
export function align64(x: usize): usize {
  return (x + 63) & ~(<usize>63);
}

// The four halves from which a 4x4 transpose is built: (a0 b0 a1 b1), (a2 b2 a3 b3), and the lower
// and upper halves of two vectors joined.

/** (a0, b0, a1, b1). */
@inline
export function interleaveLow(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 0, 4, 1, 5);
}

/** (a2, b2, a3, b3). */
@inline
export function interleaveHigh(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 2, 6, 3, 7);
}

/** (a0, a1, b0, b1). */
@inline
export function joinLow(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 0, 2);
}

/** (a2, a3, b2, b3). */
@inline
export function joinHigh(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 1, 3);
}

/** Denormal lanes become 0 (NaN stays): what is fed back must not decay into that range. */
@inline
export function flush(v: v128): v128 {
  return flushBelow(v, f32.MIN_NORMAL_VALUE);
}

/** Lanes smaller than `limit` become 0. */
@inline
export function flushBelow(v: v128, limit: f32): v128 {
  return v128.andnot(v, f32x4.lt(f32x4.abs(v), f32x4.splat(limit)));
}

/** The same for one number. */
@inline
export function flushOne(x: f32): f32 {
  return abs(x) < f32.MIN_NORMAL_VALUE ? 0 : x;
}

/** The first `count` < 4 numbers at p, zeros behind: the tail of a row. */
@inline
export function loadTail(p: usize, count: i32): v128 {
  let v = v128.load32_zero(p);
  if (count > 1) v = v128.load32_lane(p, v, 1, 4);
  if (count > 2) v = v128.load32_lane(p, v, 2, 8);
  return v;
}

/** The first `count` numbers at p, four at most, zeros behind. */
@inline
export function load4(p: usize, count: i32): v128 {
  return count >= 4 ? v128.load(p) : loadTail(p, count);
}

/** Stores the first `count` < 4 lanes. */
@inline
export function storeTail(p: usize, v: v128, count: i32): void {
  v128.store32_lane(p, v, 0);
  if (count > 1) v128.store32_lane(p, v, 1, 4);
  if (count > 2) v128.store32_lane(p, v, 2, 8);
}
