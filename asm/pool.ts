// pool: the maximum or the mean over windows, channel by channel, and its gradient.
//
// images [n h w, C] channels-last, pooled [n T, C]; rows at any stride. Padding takes no part; a
// window that holds nothing else gives 0. Four channels at a time. The gradient of a maximum goes
// to the first pixel that attains it: lanes that have found theirs are masked out.

import { fma } from "./fma";
import { at, loadTail, storeTail } from "./simd";
import { outHeight, outWidth, Window } from "./window";

/** First tap at or above `from` inside an image of `size` pixels, counted in taps. */
@inline
function firstTap(from: i32, dilation: i32): i32 {
  return from < 0 ? (dilation - 1 - from) / dilation : 0;
}

/** Behind the last tap inside. */
@inline
function endTap(from: i32, dilation: i32, kernel: i32, size: i32): i32 {
  return from >= size ? 0 : min(kernel, (size - 1 - from) / dilation + 1);
}

function loadUpTo4(p: usize, count: i32): v128 {
  return count >= 4 ? v128.load(p) : loadTail(p, count);
}

function storeUpTo4(p: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(p, v);
  else storeTail(p, v, count);
}

/** out = maximum (`average` 0) or mean (1) over windows. */
export function pool(
  w: Window,
  examples: i32,
  average: i32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
): void {
  const height = outHeight(w), width = outWidth(w), gap = <usize>strideImages << 2;
  for (let n = 0; n < examples; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const top = y * w.strideY - w.paddingY, left = x * w.strideX - w.paddingX;
        if (average) meanOf(w, top, left, out, images, gap);
        else maximumOf(w, top, left, out, images, gap);
        out += <usize>strideOut << 2;
      }
    }
    images += <usize>(w.height * w.width) * gap;
  }
}

function maximumOf(w: Window, top: i32, left: i32, out: usize, image: usize, gap: usize): void {
  const y0 = firstTap(top, w.dilationY), y1 = endTap(top, w.dilationY, w.kernelY, w.height);
  const x0 = firstTap(left, w.dilationX), x1 = endTap(left, w.dilationX, w.kernelX, w.width);
  for (let c = 0; c < w.channels; c += 4) {
    const count = w.channels - c;
    let best = f32x4.splat(y0 < y1 && x0 < x1 ? -Infinity : 0);
    for (let ky = y0; ky < y1; ky++) {
      const line = (top + ky * w.dilationY) * w.width + left;
      for (let kx = x0; kx < x1; kx++) {
        const p = at(image + <usize>(line + kx * w.dilationX) * gap, c);
        best = f32x4.max(best, loadUpTo4(p, count));
      }
    }
    storeUpTo4(at(out, c), best, count);
  }
}

function meanOf(w: Window, top: i32, left: i32, out: usize, image: usize, gap: usize): void {
  const y0 = firstTap(top, w.dilationY), y1 = endTap(top, w.dilationY, w.kernelY, w.height);
  const x0 = firstTap(left, w.dilationX), x1 = endTap(left, w.dilationX, w.kernelX, w.width);
  const share = f32x4.splat(shareOf(y1 - y0, x1 - x0));
  for (let c = 0; c < w.channels; c += 4) {
    const count = w.channels - c;
    let sum = f32x4.splat(0);
    for (let ky = y0; ky < y1; ky++) {
      const line = (top + ky * w.dilationY) * w.width + left;
      for (let kx = x0; kx < x1; kx++) {
        const p = at(image + <usize>(line + kx * w.dilationX) * gap, c);
        sum = f32x4.add(sum, loadUpTo4(p, count));
      }
    }
    storeUpTo4(at(out, c), f32x4.mul(sum, share), count);
  }
}

/** One over the number of pixels, 0 where there is none. */
@inline
function shareOf(rows: i32, cols: i32): f32 {
  return rows > 0 && cols > 0 ? <f32>1 / <f32>(rows * cols) : 0;
}

/** out = gradient of the images. `pooled` is read for the maximum only. */
export function poolGradient(
  w: Window,
  examples: i32,
  average: i32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
  pooled: usize,
  stridePooled: i32,
  g: usize,
  strideG: i32,
): void {
  const height = outHeight(w), width = outWidth(w), pixels = w.height * w.width;
  const gapOut = <usize>strideOut << 2, gap = <usize>strideImages << 2;
  for (let n = 0; n < examples; n++) {
    for (let i = 0; i < pixels; i++) {
      memory.fill(out + <usize>i * gapOut, 0, <usize>w.channels << 2);
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const top = y * w.strideY - w.paddingY, left = x * w.strideX - w.paddingX;
        if (average) spreadMean(w, top, left, out, gapOut, g);
        else spreadMaximum(w, top, left, out, gapOut, images, gap, pooled, g);
        pooled += <usize>stridePooled << 2;
        g += <usize>strideG << 2;
      }
    }
    out += <usize>pixels * gapOut;
    images += <usize>pixels * gap;
  }
}

function spreadMean(w: Window, top: i32, left: i32, out: usize, gapOut: usize, g: usize): void {
  const y0 = firstTap(top, w.dilationY), y1 = endTap(top, w.dilationY, w.kernelY, w.height);
  const x0 = firstTap(left, w.dilationX), x1 = endTap(left, w.dilationX, w.kernelX, w.width);
  const share = f32x4.splat(shareOf(y1 - y0, x1 - x0));
  for (let c = 0; c < w.channels; c += 4) {
    const count = w.channels - c;
    const gradient = loadUpTo4(at(g, c), count);
    for (let ky = y0; ky < y1; ky++) {
      const line = (top + ky * w.dilationY) * w.width + left;
      for (let kx = x0; kx < x1; kx++) {
        const p = at(out + <usize>(line + kx * w.dilationX) * gapOut, c);
        storeUpTo4(p, fma(gradient, share, loadUpTo4(p, count)), count);
      }
    }
  }
}

function spreadMaximum(
  w: Window,
  top: i32,
  left: i32,
  out: usize,
  gapOut: usize,
  image: usize,
  gap: usize,
  pooled: usize,
  g: usize,
): void {
  const y0 = firstTap(top, w.dilationY), y1 = endTap(top, w.dilationY, w.kernelY, w.height);
  const x0 = firstTap(left, w.dilationX), x1 = endTap(left, w.dilationX, w.kernelX, w.width);
  for (let c = 0; c < w.channels; c += 4) {
    const count = w.channels - c;
    const best = loadUpTo4(at(pooled, c), count);
    // What is left to give: lanes become 0 once their pixel has been found.
    let rest = loadUpTo4(at(g, c), count);
    for (let ky = y0; ky < y1; ky++) {
      const line = (top + ky * w.dilationY) * w.width + left;
      for (let kx = x0; kx < x1; kx++) {
        const position = <usize>(line + kx * w.dilationX);
        const found = f32x4.eq(loadUpTo4(at(image + position * gap, c), count), best);
        const p = at(out + position * gapOut, c);
        storeUpTo4(p, f32x4.add(loadUpTo4(p, count), v128.and(rest, found)), count);
        rest = v128.andnot(rest, found);
      }
    }
  }
}
