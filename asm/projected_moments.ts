// projectedMoments of a convolution: M = decay M + scale sum_n S_n, M and S_n [kOut + 1, kIn + 1],
//
//   S_n = ((Qo G Qi^T)^2   |q_i^T G|^2)      G = sum_t g_t a_t^T of example n, [dOut, dIn],
//         ( |G q_j|^2          |G|^2  )      rows q of Qo [kOut, dOut] and Qi [kIn, dIn].
//
// Example by example, in one of two ways, whichever takes fewer operations. With many locations
// G^T [dIn, dOut] is formed, and projected:
//
//   R^T = G^T Qo^T,   C^T = Qi G^T,   P^T = C^T Qo^T;   their squares are summed.
//
// With few, nothing as large as G is formed, but the inner products of the locations, K = A A^T and
// L = g g^T [T, T] with the patches A [T, dIn] and g [T, dOut]; with p = g Qo^T and r = A Qi^T
//
//   P = p^T r,   |q_i^T G|^2 = p_i^T K p_i,   |G q_j|^2 = r_j^T L r_j,   |G|^2 = sum_tu K_tu L_tu.

import { conv2d, conv2dWorkspace } from "./conv2d";
import { conv2dExampleGradients, conv2dExampleGradientsWorkspace } from "./conv2d_weight_gradient";
import { fma64 } from "./fma";
import { gemmWorkspace, multiply } from "./gemm";
import { gramian } from "./gramian";
import { patches } from "./patches";
import { high, sumOfProducts } from "./reductions";
import { align64, at, load4 } from "./simd";
import { locationsOf, patchNumbers, Window } from "./window";

/** Bytes of a matrix. */
@inline
function bytesOf(rows: i32, cols: i32): usize {
  return align64(<usize>rows * <usize>cols << 2);
}

/** Whether G is formed. */
function formsGradients(w: Window, dOut: i32, kOut: i32, kIn: i32): bool {
  const t = <f64>locationsOf(w), dI = <f64>(patchNumbers(w) + w.bias), dO = <f64>dOut;
  const kO = <f64>kOut, kI = <f64>kIn;
  return (t + kO + kI) * dI * dO < t * (dI * (kI + 1) + dO * kO + t * ((dI + dO) / 2 + kO + kI));
}

/** Bytes of workspace of {@link projectedMoments}. */
export function projectedMomentsWorkspace(
  w: Window,
  examples: i32,
  dOut: i32,
  kOut: i32,
  kIn: i32,
): usize {
  const dIn = patchNumbers(w) + w.bias, locations = locationsOf(w), wide = (dOut + 7) & ~7;
  const k = max(kOut, kIn);
  if (formsGradients(w, dOut, kOut, kIn)) {
    const products = max(gemmWorkspace(dIn, max(kOut, wide), max(dIn, dOut)), <usize>0);
    return bytesOf(dIn, wide) + bytesOf(dIn, kOut) + bytesOf(kIn, wide) + bytesOf(kIn, kOut) +
      max(products, conv2dExampleGradientsWorkspace(w, 1, dOut));
  }
  const rows = examples * locations;
  const products = gemmWorkspace(max(rows, k), max(k, locations), max(dOut, locations));
  return bytesOf(rows, kOut) + bytesOf(rows, kIn) + bytesOf(locations, dIn) +
    2 * bytesOf(locations, locations) + bytesOf(max(locations, kOut), k) +
    max(products, conv2dWorkspace(w, examples, kIn));
}

/** M = decay M + scale sum_n S_n. */
export function projectedMoments(
  w: Window,
  examples: i32,
  dOut: i32,
  kOut: i32,
  kIn: i32,
  decay: f32,
  scale: f32,
  moments: usize,
  strideM: i32,
  images: usize,
  strideImages: i32,
  g: usize,
  strideG: i32,
  qOut: usize,
  strideQOut: i32,
  qIn: usize,
  strideQIn: i32,
  workspace: usize,
): void {
  for (let i = 0; i <= kOut; i++) {
    for (let j = 0; j <= kIn; j++) {
      const to = at(moments, i * strideM + j);
      store<f32>(to, decay != 0 ? decay * load<f32>(to) : 0);
    }
  }
  const locations = locationsOf(w), pixels = w.height * w.width;
  const image = <usize>(pixels * strideImages) << 2, step = <usize>(locations * strideG) << 2;
  if (formsGradients(w, dOut, kOut, kIn)) {
    for (let e = 0; e < examples; e++) {
      // deno-fmt-ignore
      addGradient(
        w, dOut, kOut, kIn, scale, moments, strideM, images, strideImages, g, strideG,
        qOut, strideQOut, qIn, strideQIn, workspace,
      );
      images += image;
      g += step;
    }
    return;
  }
  const rows = examples * locations;
  let p = workspace, r = p + bytesOf(rows, kOut);
  const rest = r + bytesOf(rows, kIn);
  // deno-fmt-ignore
  multiply(
    rows, kOut, dOut, 1, 0, p, <usize>kOut << 2, g, <usize>strideG << 2, 4,
    qOut, 4, <usize>strideQOut << 2, 0, false, rest,
  );
  conv2d(w, examples, kIn, r, kIn, images, strideImages, qIn, strideQIn, rest);
  for (let e = 0; e < examples; e++) {
    // deno-fmt-ignore
    addLocations(
      w, dOut, kOut, kIn, scale, moments, strideM, images, strideImages, g, strideG, p, r, rest,
    );
    images += image;
    g += step;
    p += <usize>(locations * kOut) << 2;
    r += <usize>(locations * kIn) << 2;
  }
}

/** Adds S of one example from its gradient. */
function addGradient(
  w: Window,
  dOut: i32,
  kOut: i32,
  kIn: i32,
  scale: f32,
  moments: usize,
  strideM: i32,
  image: usize,
  strideImage: i32,
  g: usize,
  strideG: i32,
  qOut: usize,
  strideQOut: i32,
  qIn: usize,
  strideQIn: i32,
  workspace: usize,
): void {
  const dIn = patchNumbers(w) + w.bias, wide = (dOut + 7) & ~7;
  const gradient = workspace, row = <usize>wide << 2, k = <usize>kOut << 2;
  const rt = gradient + bytesOf(dIn, wide), ct = rt + bytesOf(dIn, kOut);
  const pt = ct + bytesOf(kIn, wide), rest = pt + bytesOf(kIn, kOut);
  const lo = <usize>strideQOut << 2, li = <usize>strideQIn << 2;
  conv2dExampleGradients(w, 1, dOut, gradient, wide, image, strideImage, g, strideG, rest);
  // deno-fmt-ignore
  {
    multiply(dIn, kOut, dOut, 1, 0, rt, k, gradient, row, 4, qOut, 4, lo, 0, false, rest);
    multiply(kIn, dOut, dIn, 1, 0, ct, row, qIn, li, 4, gradient, row, 4, 0, false, rest);
    multiply(kIn, kOut, dOut, 1, 0, pt, k, ct, row, 4, qOut, 4, lo, 0, false, rest);
  }
  addSquaresOf(pt, kOut, kIn, scale, moments, strideM);
  addColumnProducts(dIn, kOut, rt, rt, scale, at(moments, kIn), strideM);
  const last = at(moments, kOut * strideM);
  for (let j = 0; j < kIn; j++) {
    const column = ct + <usize>j * row;
    add(at(last, j), scale, sumOfProducts(dOut, column, column));
  }
  let all: f64 = 0;
  for (let i = 0; i < dIn; i++) all += sumOfProducts(dOut, gradient + i * row, gradient + i * row);
  add(at(last, kIn), scale, all);
}

/** Adds S of one example from the inner products of its locations; p [T, kOut], r [T, kIn]. */
function addLocations(
  w: Window,
  dOut: i32,
  kOut: i32,
  kIn: i32,
  scale: f32,
  moments: usize,
  strideM: i32,
  image: usize,
  strideImage: i32,
  g: usize,
  strideG: i32,
  p: usize,
  r: usize,
  workspace: usize,
): void {
  const dIn = patchNumbers(w) + w.bias, t = locationsOf(w), square = bytesOf(t, t);
  const a = workspace, ofInputs = a + bytesOf(t, dIn), ofOutputs = ofInputs + square;
  const some = ofOutputs + square, rest = some + bytesOf(max(t, kOut), max(kOut, kIn));
  const row = <usize>t << 2, lo = <usize>kOut << 2, li = <usize>kIn << 2;
  patches(w, 1, a, dIn, image, strideImage);
  gramian(t, dIn, ofInputs, a, dIn);
  gramian(t, dOut, ofOutputs, g, strideG);
  const last = at(moments, kOut * strideM);
  // deno-fmt-ignore
  {
    multiply(kIn, kOut, t, 1, 0, some, lo, r, 4, li, p, lo, 4, 0, false, rest);
    addSquaresOf(some, kOut, kIn, scale, moments, strideM);
    multiply(t, kOut, t, 1, 0, some, lo, ofInputs, row, 4, p, lo, 4, 0, false, rest);
    addColumnProducts(t, kOut, p, some, scale, at(moments, kIn), strideM);
    multiply(t, kIn, t, 1, 0, some, li, ofOutputs, row, 4, r, li, 4, 0, false, rest);
    addColumnProducts(t, kIn, r, some, scale, last, 1);
  }
  add(at(last, kIn), scale, sumOfProducts(t * t, ofInputs, ofOutputs));
}

/** Adds squares of P^T [kIn, kOut] to M. */
function addSquaresOf(pt: usize, kOut: i32, kIn: i32, scale: f32, m: usize, strideM: i32): void {
  for (let i = 0; i < kOut; i++) {
    for (let j = 0; j < kIn; j++) {
      const value = load<f32>(at(pt, j * kOut + i));
      add(at(m, i * strideM + j), scale, <f64>value * <f64>value);
    }
  }
}

/** Adds sum_i x_ij y_ij to number j, `stride` apart; x and y [rows, cols] without gaps. */
function addColumnProducts(
  rows: i32,
  cols: i32,
  x: usize,
  y: usize,
  scale: f32,
  to: usize,
  stride: i32,
): void {
  for (let j = 0; j < cols; j += 4) {
    const count = min(4, cols - j);
    let s0 = f64x2.splat(0), s1 = s0;
    for (let i = 0; i < rows; i++) {
      const v = load4(at(x, i * cols + j), count), w = load4(at(y, i * cols + j), count);
      s0 = fma64(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(w), s0);
      s1 = fma64(high(v), high(w), s1);
    }
    add(at(to, j * stride), scale, f64x2.extract_lane(s0, 0));
    if (count > 1) add(at(to, (j + 1) * stride), scale, f64x2.extract_lane(s0, 1));
    if (count > 2) add(at(to, (j + 2) * stride), scale, f64x2.extract_lane(s1, 0));
    if (count > 3) add(at(to, (j + 3) * stride), scale, f64x2.extract_lane(s1, 1));
  }
}

@inline
function add(to: usize, scale: f32, value: f64): void {
  store<f32>(to, <f32>(<f64>load<f32>(to) + <f64>scale * value));
}
