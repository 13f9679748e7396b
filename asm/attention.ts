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
// qkv and its gradient [N T, 3 C], y and g [N T, C]; any row strides. A query at a time: no more than two rows
// of T numbers and, transposed, the keys (and values) of one head are in the workspace. Scores of neighbouring
// keys lie in the lanes, so they need no sums across lanes.

import { exp4 } from "./exp";
import { fma } from "./fma";
import { at, load4, storeTail, sum4 } from "./simd";

/** Numbers of a row of scores: whole sixteens. */
@inline
function padded(positions: i32): i32 {
  return (positions + 15) & ~15;
}

/** Keys of a head, transposed, and a row of scores. */
export function attentionWorkspace(positions: i32, width: i32): usize {
  return <usize>(padded(positions) * (width + 1)) << 2;
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
  const p = workspace, keys = at(workspace, line);
  for (let n = 0; n < examples; n++) {
    const own = mask ? at(mask, n * positions) : 0, seed = seeds ? seedAt(seeds, n) : 0;
    for (let h = 0; h < heads; h++) {
      const q = at(qkv, n * positions * strideQkv + h * width);
      const o = at(out, n * positions * strideOut + h * width);
      transpose(positions, width, keys, line, at(q, channels), strideQkv);
      for (let t = 0; t < positions; t++) {
        const seen = causal ? t + 1 : positions;
        scores(seen, width, p, scale, at(q, t * strideQkv), keys, line);
        softmax(seen, p, own);
        if (seeds) drop(seen, p, seed, (h * positions + t) * positions, dropped);
        mix(seen, width, at(o, t * strideOut), p, at(q, 2 * channels), strideQkv);
      }
    }
  }
}

/** Keys and values of a head, transposed, and two rows of scores. */
export function attentionGradientWorkspace(positions: i32, width: i32): usize {
  return <usize>(2 * padded(positions) * (width + 1)) << 2;
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
  const p = workspace, ds = at(p, line);
  const keys = at(ds, line), values = at(keys, line * width);
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
      for (let t = 0; t < positions; t++) {
        const seen = causal ? t + 1 : positions;
        const query = at(q, t * strideQkv), gradient = at(g, (n * positions + t) * strideG + h * width);
        scores(seen, width, p, scale, query, keys, line);
        softmax(seen, p, own);
        scores(seen, width, ds, 1, gradient, values, line);
        const first = (h * positions + t) * positions;
        if (seeds) drop(seen, ds, seed, first, dropped);
        scoreGradients(seen, ds, p, scale);
        mix(seen, width, at(o, t * strideOut), ds, at(q, channels), strideQkv);
        spread(seen, width, at(o, channels), strideOut, ds, query);
        if (seeds) drop(seen, p, seed, first, dropped);
        spread(seen, width, at(o, 2 * channels), strideOut, p, gradient);
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

/** out_u = scale q . k_u for u < seen, in whole sixteens. */
function scores(
  seen: i32,
  width: i32,
  out: usize,
  scale: f32,
  q: usize,
  keys: usize,
  line: i32,
): void {
  const step = <usize>line << 2;
  for (let u = 0; u < seen; u += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let k = at(keys, u);
    for (let c = 0; c < width; c++) {
      const weight = f32x4.splat(scale * load<f32>(at(q, c)));
      s0 = fma(weight, v128.load(k), s0);
      s1 = fma(weight, v128.load(k, 16), s1);
      s2 = fma(weight, v128.load(k, 32), s2);
      s3 = fma(weight, v128.load(k, 48), s3);
      k += step;
    }
    const o = at(out, u);
    v128.store(o, s0);
    v128.store(o, s1, 16);
    v128.store(o, s2, 32);
    v128.store(o, s3, 48);
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

/** The softmax of the first `seen` numbers that the mask does not hide, in place; zeros up to whole sixteens. */
function softmax(seen: i32, p: usize, mask: usize): void {
  const line = padded(seen);
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

/** out = sum_u w_u x_u. */
function mix(seen: i32, width: i32, out: usize, w: usize, x: usize, stride: i32): void {
  const step = <usize>stride << 2;
  let c = 0;
  for (; c + 16 <= width; c += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let row = at(x, c);
    for (let u = 0; u < seen; u++) {
      const weight = v128.load32_splat(at(w, u));
      s0 = fma(weight, v128.load(row), s0);
      s1 = fma(weight, v128.load(row, 16), s1);
      s2 = fma(weight, v128.load(row, 32), s2);
      s3 = fma(weight, v128.load(row, 48), s3);
      row += step;
    }
    const o = at(out, c);
    v128.store(o, s0);
    v128.store(o, s1, 16);
    v128.store(o, s2, 32);
    v128.store(o, s3, 48);
  }
  for (; c < width; c += 4) {
    const left = width - c;
    let sum = f32x4.splat(0);
    for (let u = 0; u < seen; u++) {
      sum = fma(v128.load32_splat(at(w, u)), load4(at(x, u * stride + c), left), sum);
    }
    if (left >= 4) v128.store(at(out, c), sum);
    else storeTail(at(out, c), sum, left);
  }
}

/** out_u += w_u row for u < seen. */
function spread(seen: i32, width: i32, out: usize, stride: i32, w: usize, row: usize): void {
  const step = <usize>stride << 2;
  let c = 0;
  for (; c + 16 <= width; c += 16) {
    const r = at(row, c);
    const r0 = v128.load(r), r1 = v128.load(r, 16), r2 = v128.load(r, 32), r3 = v128.load(r, 48);
    let o = at(out, c);
    for (let u = 0; u < seen; u++) {
      const weight = v128.load32_splat(at(w, u));
      v128.store(o, fma(weight, r0, v128.load(o)));
      v128.store(o, fma(weight, r1, v128.load(o, 16)), 16);
      v128.store(o, fma(weight, r2, v128.load(o, 32)), 32);
      v128.store(o, fma(weight, r3, v128.load(o, 48)), 48);
      o += step;
    }
  }
  for (; c < width; c += 4) {
    const left = width - c, part = load4(at(row, c), left);
    for (let u = 0; u < seen; u++) {
      const o = at(out, u * stride + c);
      const sum = fma(v128.load32_splat(at(w, u)), part, load4(o, left));
      if (left >= 4) v128.store(o, sum);
      else storeTail(o, sum, left);
    }
  }
}
