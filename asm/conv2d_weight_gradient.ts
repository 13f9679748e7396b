// conv2dWeightGradient: out = decay out + scale sum_nt g_nt abar_nt^T, and conv2dExampleGradients:
// the same sums over t, example by example.
//
// images [n h w, C], g [n T, dOut], out [dOut, dIn] with columns (kernel row, kernel column,
// channel; bias last); rows at any stride. out is not read when decay is 0. The gradients of
// examples are transposed and side by side: [dIn, n wide], wide = dOut rounded up to eight.
//
// The transposed sum [dIn, dOut] is a correlation (correlate.ts) per tap: a is the window of a
// padded image that the tap sees, b is g, both read where they lie. The taps of a row are
// neighbours and make one block unless they are dilated. Locations are taken in chunks whose g
// stays in the first cache while all taps pass by; images in blocks whose padded copy stays in the
// second.

import { correlate, Walk } from "./correlate";
import { copyBordered, copyNumbers } from "./padded";
import { align64, at, flushOne } from "./simd";
import {
  imagesPerBlock,
  locationsOf,
  outHeight,
  outWidth,
  paddedBytes,
  patchNumbers,
  Window,
} from "./window";

/** Room for the record, and behind copies for tiles that read past their last number. */
const RECORD: usize = 64, SLACK: usize = 64;
/** Bytes of g in a chunk of locations. */
const CHUNK_BYTES: i32 = 24576;

function roundUp8(x: i32): i32 {
  return (x + 7) & ~7;
}

/** Bytes of workspace of {@link conv2dWeightGradient}. */
export function conv2dWeightGradientWorkspace(w: Window, examples: i32, outputs: i32): usize {
  return conv2dExampleGradientsWorkspace(w, examples, outputs) +
    align64(<usize>((patchNumbers(w) + 1) * roundUp8(outputs)) << 2);
}

/** out = decay out + scale sum g abar^T. */
export function conv2dWeightGradient(
  w: Window,
  examples: i32,
  outputs: i32,
  decay: f32,
  scale: f32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
  gradient: usize,
  strideGradient: i32,
  workspace: usize,
): void {
  const wide = roundUp8(outputs), sumBytes = <usize>((patchNumbers(w) + 1) * wide) << 2;
  const sums = workspace, rest = sums + align64(sumBytes), row = <usize>wide << 2;
  memory.fill(sums, 0, sumBytes);
  // deno-fmt-ignore
  addExamples(
    w, examples, outputs, sums, row, 0, images, strideImages, gradient, strideGradient, rest,
  );
  storeTransposed(patchNumbers(w) + w.bias, outputs, decay, scale, out, strideOut, sums, wide);
}

/** Bytes of workspace of {@link conv2dExampleGradients}. */
export function conv2dExampleGradientsWorkspace(w: Window, examples: i32, outputs: i32): usize {
  const block = imagesPerBlock(examples, locationsOf(w));
  return RECORD + align64(<usize>block * paddedBytes(w) + SLACK) +
    (<usize>(block * locationsOf(w) * roundUp8(outputs)) << 2) + SLACK;
}

/** out = sums of abar g^T over the locations of each example, side by side. */
export function conv2dExampleGradients(
  w: Window,
  examples: i32,
  outputs: i32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
  gradient: usize,
  strideGradient: i32,
  workspace: usize,
): void {
  const one = <usize>roundUp8(outputs) << 2, row = <usize>strideOut << 2;
  const used = <usize>examples * one;
  for (let i = 0; i < patchNumbers(w) + w.bias; i++) memory.fill(out + <usize>i * row, 0, used);
  // deno-fmt-ignore
  addExamples(
    w, examples, outputs, out, row, one, images, strideImages, gradient, strideGradient, workspace,
  );
}

/**
 * Adds abar g^T to sums with rows `rowBytes` apart; those of an example begin `exampleBytes` behind
 * those of the one before, 0 for one sum of all.
 */
function addExamples(
  w: Window,
  examples: i32,
  outputs: i32,
  sums: usize,
  rowBytes: usize,
  exampleBytes: usize,
  images: usize,
  strideImages: i32,
  gradient: usize,
  strideGradient: i32,
  workspace: usize,
): void {
  const block = imagesPerBlock(examples, locationsOf(w)), wide = roundUp8(outputs);
  const locations = locationsOf(w), walk = changetype<Walk>(workspace);
  const imageCopy = workspace + RECORD;
  const gradientCopy = imageCopy + align64(<usize>block * paddedBytes(w) + SLACK);
  const gap = <usize>strideGradient << 2, pixels = w.height * w.width;
  const inPlace = readsInPlace(w, strideImages);
  const pixel = <usize>(inPlace ? strideImages : w.channels) << 2;
  const image = <usize>((w.height + 2 * w.paddingY) * (w.width + 2 * w.paddingX)) * pixel;
  for (let n = 0; n < examples; n += block) {
    const count = min(block, examples - n);
    let source = images + (<usize>(n * pixels * strideImages) << 2);
    if (!inPlace) {
      // deno-fmt-ignore
      copyBordered(
        count, w.height, w.width, w.channels,
        w.paddingY, w.paddingX, w.paddingY, w.paddingX,
        imageCopy, source, <usize>strideImages << 2,
      );
      source = imageCopy;
    }
    let g = gradient + <usize>(n * locations) * gap;
    let stepG = gap;
    if (outputs != wide) {
      copyWide(count * locations, outputs, wide, gradientCopy, g, gap);
      g = gradientCopy;
      stepG = <usize>wide << 2;
    }
    const together = exampleBytes == 0 ? count : 1;
    for (let i = 0; i < count; i += together) {
      addBlock(w, walk, together, wide, source, pixel, g, stepG, sums, rowBytes);
      if (w.bias) {
        const ones = sums + <usize>patchNumbers(w) * rowBytes;
        addColumns(together * locations, wide, g, stepG, ones);
      }
      source += <usize>together * image;
      g += <usize>(together * locations) * stepG;
      sums += exampleBytes;
    }
  }
}

/**
 * Whether images need no copy: no padding, no gaps inside a run, and tiles that read no further.
 */
@inline
function readsInPlace(w: Window, strideImages: i32): bool {
  const run = w.dilationX == 1 ? w.kernelX * w.channels : w.channels;
  return w.paddingY == 0 && w.paddingX == 0 && run % 4 == 0 &&
    (strideImages == w.channels || w.kernelX == 1);
}

/** Copies rows of `cols` numbers to rows of `wide`, zeros behind. */
function copyWide(rows: i32, cols: i32, wide: i32, to: usize, from: usize, stride: usize): void {
  for (let i = 0; i < rows; i++) {
    copyNumbers(to, from, cols);
    memory.fill(at(to, cols), 0, <usize>(wide - cols) << 2);
    to += <usize>wide << 2;
    from += stride;
  }
}

/** Adds the products of a block of images, chunk by chunk. */
function addBlock(
  w: Window,
  walk: Walk,
  images: i32,
  outputs: i32,
  padded: usize,
  pixel: usize,
  g: usize,
  stepG: usize,
  sums: usize,
  rowBytes: usize,
): void {
  const height = outHeight(w), width = outWidth(w);
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const image = <usize>(w.height + 2 * w.paddingY) * row;
  const most = max(32, CHUNK_BYTES / (outputs << 2));
  const rows = max(1, min(height, most / width));
  const together = rows < height ? 1 : max(1, min(images, most / (height * width)));
  walk.cols = width;
  walk.aCol = <usize>w.strideX * pixel;
  walk.aRow = <usize>w.strideY * row - <usize>width * walk.aCol;
  walk.bCol = stepG;
  walk.bRow = 0;
  walk.bImage = 0;
  walk.bPanel = 32;
  for (let n = 0; n < images; n += together) {
    walk.images = min(together, images - n);
    for (let y = 0; y < height; y += rows) {
      walk.rows = min(rows, height - y);
      walk.aImage = image - <usize>(walk.rows * w.strideY) * row;
      const a = padded + <usize>n * image + <usize>(y * w.strideY) * row;
      const b = g + <usize>((n * height + y) * width) * stepG;
      addTaps(w, walk, outputs, a, pixel, b, sums, rowBytes);
    }
  }
}

/** All taps of one chunk; `a` is where the first tap sees the first location. */
function addTaps(
  w: Window,
  walk: Walk,
  outputs: i32,
  a: usize,
  pixel: usize,
  b: usize,
  sums: usize,
  rowBytes: usize,
): void {
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const merged = w.dilationX == 1;
  const runs = merged ? 1 : w.kernelX, run = merged ? w.kernelX * w.channels : w.channels;
  for (let y = 0; y < w.kernelY; y++) {
    for (let x = 0; x < runs; x++) {
      const tap = a + <usize>(y * w.dilationY) * row + <usize>(x * w.dilationX) * pixel;
      correlate(walk, run, outputs, false, tap, b, sums, rowBytes);
      sums += <usize>run * rowBytes;
    }
  }
}

/** Adds the sum of rows. */
function addColumns(rows: i32, cols: i32, x: usize, stride: usize, sums: usize): void {
  for (let j = 0; j < cols; j += 4) {
    let sum = v128.load(at(sums, j));
    let p = at(x, j);
    for (let i = 0; i < rows; i++) {
      sum = f32x4.add(sum, v128.load(p));
      p += stride;
    }
    v128.store(at(sums, j), sum);
  }
}

/** out[j, i] = decay out[j, i] + scale sums[i, j]. */
function storeTransposed(
  rows: i32,
  cols: i32,
  decay: f32,
  scale: f32,
  out: usize,
  strideOut: i32,
  sums: usize,
  wide: i32,
): void {
  for (let j = 0; j < cols; j++) {
    for (let i = 0; i < rows; i++) {
      const to = at(out, i);
      const value = scale * load<f32>(at(sums, i * wide + j));
      store<f32>(to, decay != 0 ? flushOne(decay * load<f32>(to) + value) : value);
    }
    out += <usize>strideOut << 2;
  }
}
