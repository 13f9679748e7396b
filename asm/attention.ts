// Attention of several heads: per example and head of d channels, with queries q, keys k and values v,
//
//   p_t = softmax over u of q_t . k_u / sqrt(d), u <= t where causal      y_t = sum_u p_tu v_u
//
// and its gradient: dp_tu = g_t . v_u,  ds_tu = p_tu (dp_tu - sum_w p_tw dp_tw) / sqrt(d),
//   dq_t = sum_u ds_tu k_u,  dk_u = sum_t ds_tu q_t,  dv_u = sum_t p_tu g_t.
//
// Where there is a mask [N T], keys at which it is 0 are not seen; a query that sees none gives zeros. With dropout
// p_tu counts c_tu p_tu in y, c = 0 or 1 / (1 - rate) by a hash of the example's seed and of (h, t, u), nothing of
// which is kept: dp_tu and the p of dv_u have c_tu, too. Pointers are 0 where there is none of the two.
//
// qkv and its gradient [N T, 3 C], y and g [N T, C]; any row strides. Four queries at a time, so that what is loaded of
// keys and values serves all of them: no more than eight rows of T numbers and, transposed, the keys (and values) of
// one head are in the workspace. Scores of neighbouring keys lie in the lanes, so they need no sums across lanes.

import { exp4 } from "./exp";
import { fma } from "./fma";
import { at, load4, storeTail, sum4 } from "./simd";

/** Queries that are taken together; where fewer are left, the last one stands for the rest. */
const QUERIES: i32 = 4;

/** Numbers of a row of scores: whole sixteens. */
@inline
function padded(positions: i32): i32 {
  return (positions + 15) & ~15;
}

/** Keys of a head, transposed, and rows of scores. */
export function attentionWorkspace(positions: i32, width: i32): usize {
  return <usize>(padded(positions) * (width + QUERIES)) << 2;
}

/** y. */
export function attention(
  examples: i32,
  positions: i32,
  channels: i32,
  heads: i32,
  causal: i32,
  out: usize,
  strideOut: i32,
  qkv: usize,
  strideQkv: i32,
  mask: usize,
  seeds: usize,
  dropped: i32,
  workspace: usize,
): void {
  const width = channels / heads, line = padded(positions);
  const scale = <f32>(1 / Math.sqrt(<f64>width));
  const p = workspace, keys = at(workspace, QUERIES * line);
  for (let n = 0; n < examples; n++) {
    const own = mask ? at(mask, n * positions) : 0, seed = seeds ? seedAt(seeds, n) : 0;
    for (let h = 0; h < heads; h++) {
      const q = at(qkv, n * positions * strideQkv + h * width);
      const o = at(out, n * positions * strideOut + h * width);
      transpose(positions, width, keys, line, at(q, channels), strideQkv);
      for (let t = 0; t < positions; t += QUERIES) {
        const last = min(QUERIES, positions - t) - 1;
        const all = causal ? t + last + 1 : positions;
        scores(all, width, p, scale, at(q, t * strideQkv), strideQkv, last, keys, line);
        for (let i = 0; i <= last; i++) {
          const row = at(p, i * line);
          softmax(causal ? t + i + 1 : positions, padded(all), row, own);
          if (seeds) drop(all, row, seed, (h * positions + t + i) * positions, dropped);
        }
        mix(all, width, at(o, t * strideOut), strideOut, last, p, line, at(q, 2 * channels), strideQkv);
      }
    }
  }
}

/** Keys and values of a head, transposed, and twice as many rows of scores. */
export function attentionGradientWorkspace(positions: i32, width: i32): usize {
  return <usize>(2 * padded(positions) * (width + QUERIES)) << 2;
}

/** The gradient of qkv. */
export function attentionGradient(
  examples: i32,
  positions: i32,
  channels: i32,
  heads: i32,
  causal: i32,
  out: usize,
  strideOut: i32,
  qkv: usize,
  strideQkv: i32,
  g: usize,
  strideG: i32,
  mask: usize,
  seeds: usize,
  dropped: i32,
  workspace: usize,
): void {
  const width = channels / heads, line = padded(positions);
  const scale = <f32>(1 / Math.sqrt(<f64>width));
  const p = workspace, ds = at(p, QUERIES * line);
  const keys = at(ds, QUERIES * line), values = at(keys, line * width);
  for (let n = 0; n < examples; n++) {
    const own = mask ? at(mask, n * positions) : 0, seed = seeds ? seedAt(seeds, n) : 0;
    for (let t = 0; t < positions; t++) {
      memory.fill(at(out, (n * positions + t) * strideOut), 0, <usize>(3 * channels) << 2);
    }
    for (let h = 0; h < heads; h++) {
      const q = at(qkv, n * positions * strideQkv + h * width);
      const o = at(out, n * positions * strideOut + h * width);
      transpose(positions, width, keys, line, at(q, channels), strideQkv);
      transpose(positions, width, values, line, at(q, 2 * channels), strideQkv);
      for (let t = 0; t < positions; t += QUERIES) {
        const last = min(QUERIES, positions - t) - 1;
        const all = causal ? t + last + 1 : positions;
        const query = at(q, t * strideQkv), gradient = at(g, (n * positions + t) * strideG + h * width);
        scores(all, width, p, scale, query, strideQkv, last, keys, line);
        scores(all, width, ds, 1, gradient, strideG, last, values, line);
        for (let i = 0; i <= last; i++) {
          const weights = at(p, i * line), slopes = at(ds, i * line);
          softmax(causal ? t + i + 1 : positions, padded(all), weights, own);
          const first = (h * positions + t + i) * positions;
          if (seeds) drop(all, slopes, seed, first, dropped);
          scoreGradients(all, slopes, weights, scale);
          if (seeds) drop(all, weights, seed, first, dropped);
        }
        mix(all, width, at(o, t * strideOut), strideOut, last, ds, line, at(q, channels), strideQkv);
        spread(all, width, at(o, channels), strideOut, ds, line, last, query, strideQkv);
        spread(all, width, at(o, 2 * channels), strideOut, p, line, last, gradient, strideG);
      }
    }
  }
}

/** out [width, line] = x^T, x [positions, width]; zeros behind. */
function transpose(
  positions: i32,
  width: i32,
  out: usize,
  line: i32,
  x: usize,
  stride: i32,
): void {
  for (let c = 0; c < width; c++) {
    const o = at(out, c * line);
    for (let u = 0; u < positions; u++) store<f32>(at(o, u), load<f32>(at(x, u * stride + c)));
    for (let u = positions; u < line; u++) store<f32>(at(o, u), 0);
  }
}

/** out_iu = scale q_i . k_u for u < seen, in whole eights; lines of scores, of queries 0 to last. */
function scores(
  seen: i32,
  width: i32,
  out: usize,
  scale: f32,
  q: usize,
  stride: i32,
  last: i32,
  keys: usize,
  line: i32,
): void {
  const step = <usize>line << 2, factor = f32x4.splat(scale);
  const q1 = at(q, min(1, last) * stride), q2 = at(q, min(2, last) * stride);
  const q3 = at(q, last * stride);
  for (let u = 0; u < seen; u += 8) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let k = at(keys, u);
    for (let c = 0; c < width; c++) {
      const x = v128.load(k), y = v128.load(k, 16);
      let weight = v128.load32_splat(at(q, c));
      a0 = fma(weight, x, a0);
      a1 = fma(weight, y, a1);
      weight = v128.load32_splat(at(q1, c));
      b0 = fma(weight, x, b0);
      b1 = fma(weight, y, b1);
      weight = v128.load32_splat(at(q2, c));
      c0 = fma(weight, x, c0);
      c1 = fma(weight, y, c1);
      weight = v128.load32_splat(at(q3, c));
      d0 = fma(weight, x, d0);
      d1 = fma(weight, y, d1);
      k += step;
    }
    let o = at(out, u);
    v128.store(o, f32x4.mul(factor, a0));
    v128.store(o, f32x4.mul(factor, a1), 16);
    o += step;
    v128.store(o, f32x4.mul(factor, b0));
    v128.store(o, f32x4.mul(factor, b1), 16);
    o += step;
    v128.store(o, f32x4.mul(factor, c0));
    v128.store(o, f32x4.mul(factor, c1), 16);
    o += step;
    v128.store(o, f32x4.mul(factor, d0));
    v128.store(o, f32x4.mul(factor, d1), 16);
  }
}

/** A seed, an integer below 2^24, made into one of all 32 bits. */
@inline
function seedAt(seeds: usize, n: i32): i32 {
  const seed = i32x4.splat(<i32>load<f32>(at(seeds, n)) + <i32>0x9e3779b9);
  return i32x4.extract_lane(mixed(seed), 0);
}

/** A bijection of 32 bits in which every bit of the argument moves every other (Wellons 2018, "lowbias32"). */
@inline
function mixed(v: v128): v128 {
  let x = v128.xor(v, i32x4.shr_u(v, 16));
  x = i32x4.mul(x, i32x4.splat(<i32>0x7feb352d));
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(<i32>0x846ca68b));
  return v128.xor(x, i32x4.shr_u(x, 16));
}

/** x_u 0 where the hash of its number is below `dropped` 2^-24, divided by the share of what stays elsewhere. */
function drop(seen: i32, x: usize, seed: i32, first: i32, dropped: i32): void {
  const least = i32x4.splat(dropped);
  const factor = f32x4.splat(<f32>(1 / (1 - <f64>dropped / 16777216)));
  for (let u = 0; u < seen; u += 4) {
    const number = i32x4.add(i32x4.splat(seed + first + u), i32x4(0, 1, 2, 3));
    const stays = i32x4.ge_s(i32x4.shr_u(mixed(number), 8), least);
    v128.store(at(x, u), v128.and(f32x4.mul(factor, v128.load(at(x, u))), stays));
  }
}

/** The softmax of the first `seen` numbers that the mask does not hide, in place; zeros behind, up to `line`. */
function softmax(seen: i32, line: i32, p: usize, mask: usize): void {
  for (let u = seen; u < line; u++) store<f32>(at(p, u), -f32.MAX_VALUE);
  if (mask) {
    for (let u = 0; u < seen; u++) {
      if (load<f32>(at(mask, u)) == 0) store<f32>(at(p, u), -f32.MAX_VALUE);
    }
  }
  let top = v128.load(p);
  for (let u = 4; u < line; u += 4) top = f32x4.max(top, v128.load(at(p, u)));
  const largest = max(
    max(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)),
    max(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)),
  );
  if (largest == -f32.MAX_VALUE) {
    memory.fill(p, 0, <usize>line << 2);
    return;
  }
  let sum = f32x4.splat(0);
  for (let u = 0; u < line; u += 4) {
    const e = exp4(f32x4.sub(v128.load(at(p, u)), f32x4.splat(largest)));
    v128.store(at(p, u), e);
    sum = f32x4.add(sum, e);
  }
  const inverse = f32x4.splat(1 / sum4(sum));
  for (let u = 0; u < line; u += 4) {
    v128.store(at(p, u), f32x4.mul(v128.load(at(p, u)), inverse));
  }
}

/** ds_u = scale p_u (dp_u - sum_w p_w dp_w), in the place of dp. */
function scoreGradients(seen: i32, dp: usize, p: usize, scale: f32): void {
  let sum = f32x4.splat(0);
  for (let u = 0; u < seen; u += 4) {
    sum = fma(v128.load(at(p, u)), v128.load(at(dp, u)), sum);
  }
  const mean = f32x4.splat(sum4(sum)), factor = f32x4.splat(scale);
  for (let u = 0; u < seen; u += 4) {
    const d = f32x4.sub(v128.load(at(dp, u)), mean);
    v128.store(at(dp, u), f32x4.mul(f32x4.mul(factor, v128.load(at(p, u))), d));
  }
}

/** out_i = sum_u w_iu x_u of queries 0 to last, w in lines. */
function mix(
  seen: i32,
  width: i32,
  out: usize,
  strideOut: i32,
  last: i32,
  w: usize,
  line: i32,
  x: usize,
  stride: i32,
): void {
  const step = <usize>stride << 2;
  const i1 = min(1, last), i2 = min(2, last);
  const w1 = at(w, i1 * line), w2 = at(w, i2 * line), w3 = at(w, last * line);
  let c = 0;
  for (; c + 8 <= width; c += 8) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let row = at(x, c);
    for (let u = 0; u < seen; u++) {
      const x0 = v128.load(row), x1 = v128.load(row, 16);
      let weight = v128.load32_splat(at(w, u));
      a0 = fma(weight, x0, a0);
      a1 = fma(weight, x1, a1);
      weight = v128.load32_splat(at(w1, u));
      b0 = fma(weight, x0, b0);
      b1 = fma(weight, x1, b1);
      weight = v128.load32_splat(at(w2, u));
      c0 = fma(weight, x0, c0);
      c1 = fma(weight, x1, c1);
      weight = v128.load32_splat(at(w3, u));
      d0 = fma(weight, x0, d0);
      d1 = fma(weight, x1, d1);
      row += step;
    }
    const o = at(out, c), o1 = at(o, i1 * strideOut), o2 = at(o, i2 * strideOut);
    const o3 = at(o, last * strideOut);
    v128.store(o, a0);
    v128.store(o, a1, 16);
    v128.store(o1, b0);
    v128.store(o1, b1, 16);
    v128.store(o2, c0);
    v128.store(o2, c1, 16);
    v128.store(o3, d0);
    v128.store(o3, d1, 16);
  }
  for (; c < width; c += 4) {
    const left = width - c;
    for (let i = 0; i <= last; i++) {
      const weights = at(w, i * line), o = at(out, i * strideOut + c);
      let sum = f32x4.splat(0);
      for (let u = 0; u < seen; u++) {
        sum = fma(v128.load32_splat(at(weights, u)), load4(at(x, u * stride + c), left), sum);
      }
      if (left >= 4) v128.store(o, sum);
      else storeTail(o, sum, left);
    }
  }
}

/** out_u += sum_i w_iu row_i for u < seen, of queries 0 to last, w in lines. */
function spread(
  seen: i32,
  width: i32,
  out: usize,
  stride: i32,
  w: usize,
  line: i32,
  last: i32,
  rows: usize,
  strideRows: i32,
): void {
  const step = <usize>stride << 2;
  let c = 0;
  if (last == QUERIES - 1) {
    const w1 = at(w, line), w2 = at(w, 2 * line), w3 = at(w, 3 * line);
    for (; c + 8 <= width; c += 8) {
      const r = at(rows, c), s = at(r, strideRows), t = at(s, strideRows), v = at(t, strideRows);
      const r0 = v128.load(r), r1 = v128.load(r, 16), s0 = v128.load(s), s1 = v128.load(s, 16);
      const t0 = v128.load(t), t1 = v128.load(t, 16), v0 = v128.load(v), v1 = v128.load(v, 16);
      let o = at(out, c);
      for (let u = 0; u < seen; u++) {
        let weight = v128.load32_splat(at(w, u));
        let a = fma(weight, r0, v128.load(o)), b = fma(weight, r1, v128.load(o, 16));
        weight = v128.load32_splat(at(w1, u));
        a = fma(weight, s0, a);
        b = fma(weight, s1, b);
        weight = v128.load32_splat(at(w2, u));
        a = fma(weight, t0, a);
        b = fma(weight, t1, b);
        weight = v128.load32_splat(at(w3, u));
        v128.store(o, fma(weight, v0, a));
        v128.store(o, fma(weight, v1, b), 16);
        o += step;
      }
    }
  }
  for (; c < width; c += 4) {
    const left = width - c;
    for (let i = 0; i <= last; i++) {
      const part = load4(at(rows, i * strideRows + c), left), weights = at(w, i * line);
      for (let u = 0; u < seen; u++) {
        const o = at(out, u * stride + c);
        const sum = fma(v128.load32_splat(at(weights, u)), part, load4(o, left));
        if (left >= 4) v128.store(o, sum);
        else storeTail(o, sum, left);
      }
    }
  }
}
