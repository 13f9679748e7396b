// patches: the windows of images as rows, [n T, dIn] in the order (kernel row, kernel column,
// channel; 1 last); and patchSquaredNorms: their squared lengths, the homogeneous 1 included.
//
// images [n h w, C] channels-last; rows at any stride. Windows are cut where they leave the image,
// so nothing is copied beforehand.

import { fma } from "./fma";
import { copyNumbers } from "./padded";
import { at, loadTail, sum4 } from "./simd";
import { outHeight, outWidth, patchNumbers, Window } from "./window";

/** out = patches. */
export function patches(
  w: Window,
  examples: i32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
): void {
  const height = outHeight(w), width = outWidth(w);
  const gap = <usize>strideImages << 2, depth = patchNumbers(w);
  for (let n = 0; n < examples; n++) {
    const image = images + <usize>(n * w.height * w.width) * gap;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        cut(w, y * w.strideY - w.paddingY, x * w.strideX - w.paddingX, image, gap, out);
        if (w.bias) store<f32>(at(out, depth), 1);
        out += <usize>strideOut << 2;
      }
    }
  }
}

/** One patch whose first pixel is (top, left). */
function cut(w: Window, top: i32, left: i32, image: usize, gap: usize, out: usize): void {
  const pixel = <usize>w.channels << 2;
  for (let ky = 0; ky < w.kernelY; ky++) {
    const y = top + ky * w.dilationY;
    for (let kx = 0; kx < w.kernelX; kx++) {
      const x = left + kx * w.dilationX;
      if (y < 0 || y >= w.height || x < 0 || x >= w.width) memory.fill(out, 0, pixel);
      else copyNumbers(out, image + <usize>(y * w.width + x) * gap, w.channels);
      out += pixel;
    }
  }
}

/** Bytes of workspace of {@link patchSquaredNorms}: a number per pixel of one image. */
export function patchSquaredNormsWorkspace(w: Window): usize {
  return <usize>(w.height * w.width) << 2;
}

/** out_nt = |abar_nt|^2, contiguous: every pixel's squared length once, then sums over windows. */
export function patchSquaredNorms(
  w: Window,
  examples: i32,
  out: usize,
  images: usize,
  strideImages: i32,
  workspace: usize,
): void {
  const height = outHeight(w), width = outWidth(w), pixels = w.height * w.width;
  for (let n = 0; n < examples; n++) {
    for (let i = 0; i < pixels; i++) {
      store<f32>(at(workspace, i), squaredNorm(w.channels, images));
      images += <usize>strideImages << 2;
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const top = y * w.strideY - w.paddingY, left = x * w.strideX - w.paddingX;
        store<f32>(out, <f32>w.bias + sumOverTaps(w, top, left, workspace));
        out += 4;
      }
    }
  }
}

/** |x|^2 of contiguous numbers. */
function squaredNorm(count: i32, x: usize): f32 {
  let sum = f32x4.splat(0), j = 0;
  for (; j + 4 <= count; j += 4) {
    const v = v128.load(at(x, j));
    sum = fma(v, v, sum);
  }
  if (j < count) {
    const v = loadTail(at(x, j), count - j);
    sum = fma(v, v, sum);
  }
  return sum4(sum);
}

/** Sum of the numbers of one channel under a window. */
function sumOverTaps(w: Window, top: i32, left: i32, image: usize): f32 {
  let sum: f32 = 0;
  for (let ky = 0; ky < w.kernelY; ky++) {
    const y = top + ky * w.dilationY;
    if (y < 0 || y >= w.height) continue;
    for (let kx = 0; kx < w.kernelX; kx++) {
      const x = left + kx * w.dilationX;
      if (x >= 0 && x < w.width) sum += load<f32>(at(image, y * w.width + x));
    }
  }
  return sum;
}
