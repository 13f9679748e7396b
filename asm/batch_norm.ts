// Batch normalisation of columns: with xhat = (x - mean) / sqrt(variance + epsilon)
//
//   columnMoments      moments = means above variances of the columns of x
//   batchNorm          y = scale xhat + shift
//   batchNormSums      sums = sum_i g xhat above sum_i g
//   batchNormGradient  out = scale / sqrt(variance + epsilon) (g - sums_1 / n - xhat sums_0 / n)
//
// x, g, y, out [n, C]; moments, weights (scales above shifts) and sums [2, C]; any row strides.
//
// All go through CHUNK rows at a time, and in them through strips of four columns, whose numbers per
// column then stay in registers; a chunk is still in the cache when its next strip comes. Sums over a
// chunk are float32 in four lines, chunks are joined in float64. Moments of a chunk are taken about the
// mean of all chunks before it, which keeps what cancels small (Chan, Golub & LeVeque 1983).

import { fma, fma64 } from "./fma";
import { at, at64, loadTail, storeTail } from "./simd";

/** Rows that are taken together. */
const CHUNK: i32 = 128;

/** Two float64 per column. */
export function columnMomentsWorkspace(rows: i32, cols: i32): usize {
  return <usize>strips(cols) * 64;
}

/** moments = means above variances of the columns of x; zeros of no rows. */
export function columnMoments(
  rows: i32,
  cols: i32,
  moments: usize,
  strideMoments: i32,
  x: usize,
  strideX: i32,
  workspace: usize,
): void {
  memory.fill(workspace, 0, columnMomentsWorkspace(rows, cols));
  for (let start = 0; start < rows; start += CHUNK) {
    const count = min(CHUNK, rows - start);
    for (let j = 0; j < cols; j += 4) {
      const p = at(x, start * strideX + j), width = cols - j;
      const state = at64(workspace, 2 * j);
      let about = take(p, width);
      if (start > 0) about = demoted(v128.load(state), v128.load(state, 16));
      addChunk(start, count, p, strideX, width, about, state);
    }
  }
  for (let j = 0; j < cols; j++) {
    // Per strip: four means, then four sums of squares about them.
    const state = at64(workspace, 2 * (j & ~3) + (j & 3));
    store<f32>(at(moments, j), <f32>load<f64>(state));
    const squares = load<f64>(state, 32);
    store<f32>(at(moments, strideMoments + j), <f32>(rows > 0 ? squares / <f64>rows : 0));
  }
}

/** Joins the moments of a chunk, taken about some numbers, to those of the `before` rows before it. */
function addChunk(
  before: i32,
  count: i32,
  p: usize,
  stride: i32,
  width: i32,
  about: v128,
  state: usize,
): void {
  const step = <usize>stride << 2;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let q0 = s0, q1 = s0, q2 = s0, q3 = s0;
  let r = count;
  for (; r >= 4; r -= 4) {
    const d0 = f32x4.sub(take(p, width), about);
    const d1 = f32x4.sub(take(p + step, width), about);
    const d2 = f32x4.sub(take(p + 2 * step, width), about);
    const d3 = f32x4.sub(take(p + 3 * step, width), about);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    s2 = f32x4.add(s2, d2);
    s3 = f32x4.add(s3, d3);
    q0 = fma(d0, d0, q0);
    q1 = fma(d1, d1, q1);
    q2 = fma(d2, d2, q2);
    q3 = fma(d3, d3, q3);
    p += 4 * step;
  }
  for (; r > 0; r--) {
    const d = f32x4.sub(take(p, width), about);
    s0 = f32x4.add(s0, d);
    q0 = fma(d, d, q0);
    p += step;
  }
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  const q = f32x4.add(f32x4.add(q0, q1), f32x4.add(q2, q3));
  join(before, count, low(about), low(s), low(q), state);
  join(before, count, high(about), high(s), high(q), state + 16);
}

/** The same for two columns in float64. */
@inline
function join(before: i32, count: i32, about: v128, s: v128, q: v128, state: usize): void {
  const mean = v128.load(state);
  const shift = f64x2.div(s, f64x2.splat(<f64>count));
  const squares = f64x2.sub(q, f64x2.mul(s, shift));
  const total = <f64>(before + count);
  const apart = f64x2.sub(f64x2.add(about, shift), mean);
  v128.store(state, fma64(apart, f64x2.splat(<f64>count / total), mean));
  const between = f64x2.splat(<f64>before * <f64>count / total);
  const sum = f64x2.add(v128.load(state, 32), squares);
  v128.store(state, fma64(f64x2.mul(apart, apart), between, sum), 32);
}

/** y = scale xhat + shift. */
export function batchNorm(
  rows: i32,
  cols: i32,
  epsilon: f32,
  y: usize,
  strideY: i32,
  x: usize,
  strideX: i32,
  moments: usize,
  strideMoments: i32,
  weights: usize,
  strideWeights: i32,
): void {
  for (let start = 0; start < rows; start += CHUNK) {
    const count = min(CHUNK, rows - start);
    for (let j = 0; j < cols; j += 4) {
      const width = cols - j;
      const mean = take(at(moments, j), width);
      const scale = f32x4.mul(
        take(at(weights, j), width),
        inverseDeviation(at(moments, strideMoments + j), width, epsilon),
      );
      const shift = take(at(weights, strideWeights + j), width);
      let p = at(x, start * strideX + j), o = at(y, start * strideY + j);
      for (let r = 0; r < count; r++) {
        put(o, fma(f32x4.sub(take(p, width), mean), scale, shift), width);
        p += <usize>strideX << 2;
        o += <usize>strideY << 2;
      }
    }
  }
}

/** Two float64 per column. */
export function batchNormSumsWorkspace(rows: i32, cols: i32): usize {
  return <usize>strips(cols) * 64;
}

/** sums = sum_i g xhat above sum_i g. */
export function batchNormSums(
  rows: i32,
  cols: i32,
  epsilon: f32,
  sums: usize,
  strideSums: i32,
  x: usize,
  strideX: i32,
  g: usize,
  strideG: i32,
  moments: usize,
  strideMoments: i32,
  workspace: usize,
): void {
  memory.fill(workspace, 0, batchNormSumsWorkspace(rows, cols));
  for (let start = 0; start < rows; start += CHUNK) {
    const count = min(CHUNK, rows - start);
    for (let j = 0; j < cols; j += 4) {
      const p = at(x, start * strideX + j), q = at(g, start * strideG + j), width = cols - j;
      const mean = take(at(moments, j), width);
      addSums(count, p, strideX, q, strideG, width, mean, at64(workspace, 2 * j));
    }
  }
  for (let j = 0; j < cols; j++) {
    const state = at64(workspace, 2 * (j & ~3) + (j & 3));
    const variance = <f64>load<f32>(at(moments, strideMoments + j)) + <f64>epsilon;
    store<f32>(at(sums, j), <f32>(load<f64>(state) / sqrt<f64>(variance)));
    store<f32>(at(sums, strideSums + j), <f32>load<f64>(state, 32));
  }
}

function addSums(
  count: i32,
  p: usize,
  strideX: i32,
  q: usize,
  strideG: i32,
  width: i32,
  mean: v128,
  state: usize,
): void {
  const stepX = <usize>strideX << 2, stepG = <usize>strideG << 2;
  let s0 = f32x4.splat(0), s1 = s0, t0 = s0, t1 = s0;
  let r = count;
  for (; r >= 2; r -= 2) {
    const g0 = take(q, width), g1 = take(q + stepG, width);
    s0 = fma(f32x4.sub(take(p, width), mean), g0, s0);
    s1 = fma(f32x4.sub(take(p + stepX, width), mean), g1, s1);
    t0 = f32x4.add(t0, g0);
    t1 = f32x4.add(t1, g1);
    p += 2 * stepX;
    q += 2 * stepG;
  }
  if (r > 0) {
    const g0 = take(q, width);
    s0 = fma(f32x4.sub(take(p, width), mean), g0, s0);
    t0 = f32x4.add(t0, g0);
  }
  const s = f32x4.add(s0, s1), t = f32x4.add(t0, t1);
  v128.store(state, f64x2.add(v128.load(state), low(s)));
  v128.store(state, f64x2.add(v128.load(state, 16), high(s)), 16);
  v128.store(state, f64x2.add(v128.load(state, 32), low(t)), 32);
  v128.store(state, f64x2.add(v128.load(state, 48), high(t)), 48);
}

/** out = scale / sqrt(variance + epsilon) (g - sums_1 / n - xhat sums_0 / n), n = `total`. */
export function batchNormGradient(
  rows: i32,
  cols: i32,
  total: i32,
  epsilon: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  g: usize,
  strideG: i32,
  moments: usize,
  strideMoments: i32,
  weights: usize,
  strideWeights: i32,
  sums: usize,
  strideSums: i32,
): void {
  const share = f32x4.splat(<f32>1 / <f32>total);
  for (let start = 0; start < rows; start += CHUNK) {
    const count = min(CHUNK, rows - start);
    for (let j = 0; j < cols; j += 4) {
      const width = cols - j;
      const mean = take(at(moments, j), width);
      const inverse = inverseDeviation(at(moments, strideMoments + j), width, epsilon);
      const scale = f32x4.mul(take(at(weights, j), width), inverse);
      const slope = f32x4.mul(f32x4.mul(take(at(sums, j), width), share), inverse);
      const middle = f32x4.mul(take(at(sums, strideSums + j), width), share);
      let p = at(x, start * strideX + j), q = at(g, start * strideG + j);
      let o = at(out, start * strideOut + j);
      for (let r = 0; r < count; r++) {
        const along = f32x4.mul(f32x4.sub(take(p, width), mean), slope);
        const rest = f32x4.sub(f32x4.sub(take(q, width), middle), along);
        put(o, f32x4.mul(scale, rest), width);
        p += <usize>strideX << 2;
        q += <usize>strideG << 2;
        o += <usize>strideOut << 2;
      }
    }
  }
}

/** 1 / sqrt(variance + epsilon). */
@inline
function inverseDeviation(variance: usize, width: i32, epsilon: f32): v128 {
  const sum = f32x4.add(take(variance, width), f32x4.splat(epsilon));
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(sum));
}

/** Strips of four columns. */
@inline
function strips(cols: i32): i32 {
  return (cols + 3) >> 2;
}

/** The numbers of a strip, of which `width` are left in the row. */
@inline
function take(p: usize, width: i32): v128 {
  return width >= 4 ? v128.load(p) : loadTail(p, width);
}

@inline
function put(p: usize, v: v128, width: i32): void {
  if (width >= 4) v128.store(p, v);
  else storeTail(p, v, width);
}

@inline
function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

@inline
function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1));
}

/** Two pairs of float64 as four float32. */
@inline
function demoted(lower: v128, upper: v128): v128 {
  return i64x2.shuffle(f32x4.demote_f64x2_zero(lower), f32x4.demote_f64x2_zero(upper), 0, 2);
}
