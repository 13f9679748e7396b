// Sums over the positions of each image, for convolutions with one channel a group:
//
//   depthwiseExampleGradients  v [n, (taps + bias) C m]: sum of g[t, o] x[t + k, o / m]
//   depthwiseMoments           v [n, pairs C]: sum of w[t, c] x[t + k, c] x[t + l, c], pairs k <= l of taps + bias
//
// Rows at any stride, image by image through copies (depthwise_copy.ts). Eight channels and four taps at a time in
// registers; float32, in the order of the positions.

import { fma } from "./fma";
import { copyBytes, padded, place, put, STRIP, tapsOf } from "./depthwise_copy";
import { align64, at } from "./simd";
import { locationsOf, outHeight, outWidth, Window } from "./window";

/** Bytes of workspace of {@link depthwiseExampleGradients} and {@link depthwiseMoments}. */
export function depthwiseSumsWorkspace(w: Window, examples: i32, outputs: i32): usize {
  return SUMS + align64(copyBytes(w, outputs)) + (<usize>(locationsOf(w) * padded(outputs)) << 2);
}

/** Room for ones and for five sums of eight channels. */
const SUMS: usize = 256;

/** The same under the name that goes with the kernel. */
export function depthwiseExampleGradientsWorkspace(w: Window, examples: i32, outputs: i32): usize {
  return depthwiseSumsWorkspace(w, examples, outputs);
}

/** The same. */
export function depthwiseMomentsWorkspace(w: Window, examples: i32, outputs: i32): usize {
  return depthwiseSumsWorkspace(w, examples, outputs);
}

/** Gradients of the weights, of each image by itself: a row of outputs per tap, then one of biases. */
export function depthwiseExampleGradients(
  w: Window,
  examples: i32,
  outputs: i32,
  v: usize,
  strideV: i32,
  images: usize,
  strideImages: i32,
  g: usize,
  strideG: i32,
  workspace: usize,
): void {
  const pixel = <usize>padded(outputs) << 2, gap = <usize>strideImages << 2;
  const copy = workspace + SUMS, weights = copy + align64(copyBytes(w, outputs));
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const inside = copy + <usize>w.paddingY * row + <usize>w.paddingX * pixel;
  const height = outHeight(w), width = outWidth(w), taps = tapsOf(w), last = taps - 1;
  memory.fill(copy, 0, copyBytes(w, outputs));
  memory.fill(weights, 0, <usize>(height * width) * pixel);
  fillOnes(workspace);
  for (let n = 0; n < examples; n++) {
    // deno-fmt-ignore
    place(
      w.height, w.width, w.channels, outputs / w.channels, inside, row, pixel, images, gap,
    );
    place(1, height * width, outputs, 1, weights, 0, pixel, g, <usize>strideG << 2);
    for (let c = 0; c < outputs; c += STRIP) {
      const source = at(copy, c);
      for (let k = 0; k < taps; k += 4) {
        // deno-fmt-ignore
        tapSums(
          height, width, at(weights, c), <usize>width * pixel, pixel, workspace, 0, 0,
          tap(w, source, k, row, pixel), tap(w, source, min(k + 1, last), row, pixel),
          tap(w, source, min(k + 2, last), row, pixel), tap(w, source, min(k + 3, last), row, pixel),
          <usize>w.strideY * row, <usize>w.strideX * pixel, workspace + 32,
        );
        const kept = min(4, taps - k);
        for (let j = 0; j < kept; j++) {
          keep(workspace, j, at(v, (k + j) * outputs + c), outputs - c);
        }
        if (k == 0 && w.bias != 0) keep(workspace, 4, at(v, taps * outputs + c), outputs - c);
      }
    }
    images += <usize>(w.height * w.width) * gap;
    g += <usize>(height * width * strideG) << 2;
    v += <usize>strideV << 2;
  }
}

/** Second moments of the patches of each image by itself, location t of channel c counting `weights[t, c]` times. */
export function depthwiseMoments(
  w: Window,
  examples: i32,
  channels: i32,
  v: usize,
  strideV: i32,
  images: usize,
  strideImages: i32,
  weights: usize,
  strideWeights: i32,
  workspace: usize,
): void {
  const pixel = <usize>padded(channels) << 2, gap = <usize>strideImages << 2;
  const copy = workspace + SUMS, counts = copy + align64(copyBytes(w, channels));
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const inside = copy + <usize>w.paddingY * row + <usize>w.paddingX * pixel;
  const height = outHeight(w), width = outWidth(w), taps = tapsOf(w), last = taps - 1;
  const rightY = <usize>w.strideY * row, rightX = <usize>w.strideX * pixel;
  const countsX = weights != 0 ? pixel : 0, countsY = <usize>width * countsX;
  memory.fill(copy, 0, copyBytes(w, channels));
  if (weights != 0) memory.fill(counts, 0, <usize>(height * width) * pixel);
  fillOnes(workspace);
  for (let n = 0; n < examples; n++) {
    place(w.height, w.width, channels, 1, inside, row, pixel, images, gap);
    if (weights != 0) {
      const step = <usize>strideWeights << 2;
      place(1, height * width, channels, 1, counts, 0, pixel, weights, step);
      weights += <usize>(height * width) * step;
    }
    for (let c = 0; c < channels; c += STRIP) {
      const source = at(copy, c), left = channels - c;
      const count = weights != 0 ? at(counts, c) : workspace;
      let pair = at(v, c);
      for (let k = 0; k < taps; k++) {
        const first = tap(w, source, k, row, pixel);
        for (let l = k; l < taps; l += 4) {
          // deno-fmt-ignore
          tapSums(
            height, width, first, rightY, rightX, count, countsY, countsX,
            tap(w, source, l, row, pixel), tap(w, source, min(l + 1, last), row, pixel),
            tap(w, source, min(l + 2, last), row, pixel), tap(w, source, min(l + 3, last), row, pixel),
            rightY, rightX, workspace + 32,
          );
          const kept = min(4, taps - l);
          for (let j = 0; j < kept; j++) {
            keep(workspace, j, pair, left);
            pair = at(pair, channels);
          }
        }
        if (w.bias != 0) {
          keep(workspace, 4, pair, left);
          pair = at(pair, channels);
        }
      }
      if (w.bias != 0) {
        // deno-fmt-ignore
        tapSums(
          height, width, count, countsY, countsX, workspace, 0, 0, workspace, workspace, workspace,
          workspace, 0, 0, workspace + 32,
        );
        keep(workspace, 4, pair, left);
      }
    }
    images += <usize>(w.height * w.width) * gap;
    v += <usize>strideV << 2;
  }
}

/** Eight ones at the start of a workspace: what does not count differently. */
function fillOnes(workspace: usize): void {
  v128.store(workspace, f32x4.splat(1));
  v128.store(workspace, f32x4.splat(1), 16);
}

/** Where the window of location 0 has a tap. */
@inline
function tap(w: Window, source: usize, k: i32, row: usize, pixel: usize): usize {
  const y = k / w.kernelX, x = k % w.kernelX;
  return source + <usize>(y * w.dilationY) * row + <usize>(x * w.dilationX) * pixel;
}

/** Stores the j-th of the sums that {@link tapSums} has left. */
@inline
function keep(workspace: usize, j: i32, out: usize, count: i32): void {
  const sums = workspace + 32 + (<usize>j << 5);
  put(out, v128.load(sums), v128.load(sums, 16), count);
}

/**
 * Of eight channels, sums over rows x cols positions of left count right_j for four taps, and of left count; all
 * pointers move by their own steps.
 */
function tapSums(
  rows: i32,
  cols: i32,
  left: usize,
  leftY: usize,
  leftX: usize,
  count: usize,
  countY: usize,
  countX: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  rightY: usize,
  rightX: usize,
  sums: usize,
): void {
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
  let s30 = s00, s31 = s00, t0 = s00, t1 = s00;
  for (let y = 0; y < rows; y++) {
    let a = left + <usize>y * leftY, b = count + <usize>y * countY;
    let right = <usize>y * rightY;
    for (let x = 0; x < cols; x++) {
      const low = f32x4.mul(v128.load(a), v128.load(b));
      const high = f32x4.mul(v128.load(a, 16), v128.load(b, 16));
      t0 = f32x4.add(t0, low);
      t1 = f32x4.add(t1, high);
      s00 = fma(low, v128.load(r0 + right), s00);
      s01 = fma(high, v128.load(r0 + right, 16), s01);
      s10 = fma(low, v128.load(r1 + right), s10);
      s11 = fma(high, v128.load(r1 + right, 16), s11);
      s20 = fma(low, v128.load(r2 + right), s20);
      s21 = fma(high, v128.load(r2 + right, 16), s21);
      s30 = fma(low, v128.load(r3 + right), s30);
      s31 = fma(high, v128.load(r3 + right, 16), s31);
      a += leftX;
      b += countX;
      right += rightX;
    }
  }
  v128.store(sums, s00);
  v128.store(sums, s01, 16);
  v128.store(sums, s10, 32);
  v128.store(sums, s11, 48);
  v128.store(sums, s20, 64);
  v128.store(sums, s21, 80);
  v128.store(sums, s30, 96);
  v128.store(sums, s31, 112);
  v128.store(sums, t0, 128);
  v128.store(sums, t1, 144);
}
