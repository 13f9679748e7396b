// Elementwise updates. All matrices [rows, cols] with any row strides (a caller whose matrices have
// no gaps passes them as one row). Four numbers at a time; the last of a row by lanes. Denormal
// results become 0 wherever they are fed back.

import { fma } from "./fma";
import { at, flush, loadTail, storeTail } from "./simd";

/** axpby: y = alpha x + beta y; y is not read when beta is 0. x and y may be the same. */
export function axpby(
  rows: i32,
  cols: i32,
  alpha: f32,
  beta: f32,
  y: usize,
  strideY: i32,
  x: usize,
  strideX: i32,
): void {
  weightedSum(rows, cols, alpha, beta, y, strideY, x, strideX, y, strideY);
}

/** weightedSum: out = alpha x + beta y; y is not read when beta is 0. out may be x, y or both. */
export function weightedSum(
  rows: i32,
  cols: i32,
  alpha: f32,
  beta: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  y: usize,
  strideY: i32,
): void {
  const al = f32x4.splat(alpha), be = f32x4.splat(beta), keep = beta != 0;
  for (let i = 0; i < rows; i++) {
    let p = at(x, i * strideX), q = at(y, i * strideY), to = at(out, i * strideOut);
    let j = cols;
    for (; j >= 4; j -= 4) {
      const scaled = f32x4.mul(al, v128.load(p));
      v128.store(to, flush(keep ? fma(be, v128.load(q), scaled) : scaled));
      p += 16;
      q += 16;
      to += 16;
    }
    if (j > 0) {
      const scaled = f32x4.mul(al, loadTail(p, j));
      storeTail(to, flush(keep ? fma(be, loadTail(q, j), scaled) : scaled), j);
    }
  }
}

/**
 * takeStep: out_ij = w_ij - rate u_ij, less decay w_ij for j < columns; u is not read when rate is 0. out may be w.
 */
export function takeStep(
  rows: i32,
  cols: i32,
  rate: f32,
  decay: f32,
  columns: i32,
  out: usize,
  strideOut: i32,
  w: usize,
  strideW: i32,
  u: usize,
  strideU: i32,
): void {
  const end = min(cols, columns), even = end == 0 || end == cols;
  if (even && strideOut == cols && strideW == cols && strideU == cols) {
    return stepOf(rows * cols, rate, end == 0 ? 0 : decay, out, w, u);
  }
  for (let i = 0; i < rows; i++) {
    const to = at(out, i * strideOut), from = at(w, i * strideW), along = at(u, i * strideU);
    stepOf(end, rate, decay, to, from, along);
    stepOf(cols - end, rate, 0, at(to, end), at(from, end), at(along, end));
  }
}

/** takeStep of a run of numbers: each product is rounded, in both builds, as if decay and step came one by one. */
function stepOf(count: i32, rate: f32, decay: f32, to: usize, from: usize, along: usize): void {
  const back = f32x4.splat(-rate), lost = f32x4.splat(-decay), moves = rate != 0;
  let j = count;
  for (; j >= 4; j -= 4) {
    const w = v128.load(from), kept = f32x4.add(w, f32x4.mul(lost, w));
    v128.store(to, flush(moves ? f32x4.add(kept, f32x4.mul(back, v128.load(along))) : kept));
    to += 16;
    from += 16;
    along += 16;
  }
  if (j > 0) {
    const w = loadTail(from, j), kept = f32x4.add(w, f32x4.mul(lost, w));
    storeTail(to, flush(moves ? f32x4.add(kept, f32x4.mul(back, loadTail(along, j))) : kept), j);
  }
}

/** scaleRows: out_ij = w_i x_ij; out may be x. */
export function scaleRows(
  rows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
  weights: usize,
): void {
  for (let i = 0; i < rows; i++) {
    const w = load<f32>(at(weights, i));
    axpby(1, cols, w, 0, at(out, i * strideOut), 0, at(x, i * strideX), 0);
  }
}

/** squares: out = decay out + scale x^2; out is not read when decay is 0, and may then be x. */
export function squares(
  rows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
): void {
  const de = f32x4.splat(decay), sc = f32x4.splat(scale), keep = decay != 0;
  for (let i = 0; i < rows; i++) {
    let p = at(x, i * strideX), q = at(out, i * strideOut);
    let j = cols;
    for (; j >= 4; j -= 4) {
      const v = v128.load(p), scaled = f32x4.mul(sc, f32x4.mul(v, v));
      v128.store(q, flush(keep ? fma(de, v128.load(q), scaled) : scaled));
      p += 16;
      q += 16;
    }
    if (j > 0) {
      const v = loadTail(p, j), scaled = f32x4.mul(sc, f32x4.mul(v, v));
      storeTail(q, flush(keep ? fma(de, loadTail(q, j), scaled) : scaled), j);
    }
  }
}

/**
 * adamDirection: toM = beta1 m + (1 - beta1) g, toV = beta2 v + (1 - beta2) g^2,
 * out = correction1 toM / (sqrt(correction2 toV) + epsilon), correctionI = 1 / (1 - betaI^count). toM may
 * be m, and toV v.
 */
export function adamDirection(
  rows: i32,
  cols: i32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  correction1: f32,
  correction2: f32,
  epsilon: f32,
  out: usize,
  strideOut: i32,
  m: usize,
  strideM: i32,
  v: usize,
  strideV: i32,
  g: usize,
  strideG: i32,
  toM: usize,
  strideToM: i32,
  toV: usize,
  strideToV: i32,
): void {
  const b1 = f32x4.splat(beta1), b2 = f32x4.splat(beta2);
  const r1 = f32x4.splat(rest1), r2 = f32x4.splat(rest2);
  const c1 = f32x4.splat(correction1), c2 = f32x4.splat(correction2), eps = f32x4.splat(epsilon);
  for (let i = 0; i < rows; i++) {
    let po = at(out, i * strideOut), pm = at(m, i * strideM);
    let pv = at(v, i * strideV), pg = at(g, i * strideG);
    let qm = at(toM, i * strideToM), qv = at(toV, i * strideToV);
    for (let j = cols; j > 0; j -= 4) {
      const whole = j >= 4;
      const gradient = whole ? v128.load(pg) : loadTail(pg, j);
      let first = whole ? v128.load(pm) : loadTail(pm, j);
      let second = whole ? v128.load(pv) : loadTail(pv, j);
      first = flush(fma(b1, first, f32x4.mul(r1, gradient)));
      second = flush(fma(b2, second, f32x4.mul(r2, f32x4.mul(gradient, gradient))));
      const root = f32x4.add(f32x4.sqrt(f32x4.mul(c2, second)), eps);
      const direction = f32x4.div(f32x4.mul(c1, first), root);
      if (whole) {
        v128.store(qm, first);
        v128.store(qv, second);
        v128.store(po, direction);
      } else {
        storeTail(qm, first, j);
        storeTail(qv, second, j);
        storeTail(po, direction, j);
      }
      po += 16;
      pm += 16;
      pv += 16;
      pg += 16;
      qm += 16;
      qv += 16;
    }
  }
}

/** appendOnes: out = [X | 1], X [rows, cols], out [rows, cols + 1]. */
export function appendOnes(
  rows: i32,
  cols: i32,
  out: usize,
  strideOut: i32,
  x: usize,
  strideX: i32,
): void {
  for (let i = 0; i < rows; i++) {
    const row = at(out, i * strideOut);
    memory.copy(row, at(x, i * strideX), <usize>cols << 2);
    store<f32>(at(row, cols), 1);
  }
}
