// Convolutions with one channel a group, out[t, o] = bias_o + sum over taps k of x[t + k, o / m] w[o, k]:
//
//   depthwise               out [n T, C m] from images [n h w, C] and weights [C m, taps + bias]
//   depthwiseDataGradient   out [n h w, C] from g [n T, C m]
//
// Rows at any stride, image by image through a copy (depthwise_copy.ts). The gradient is the same correlation
// over a copy of g with zeros between its locations where the stride is above 1, kernels turned round. Tile: four
// positions x eight channels, kept in registers over all taps, in their order.

import { fma } from "./fma";
import { copyNumbers } from "./padded";
import { copyBytes, padded, place, put, STRIP, tapsOf } from "./depthwise_copy";
import { align64, at } from "./simd";
import { outHeight, outWidth, Window } from "./window";

/** Panels of a row per tap, behind one of biases; `turned` has the last tap first, and no biases. */
function pack(
  w: Window,
  outputs: i32,
  weights: usize,
  stride: i32,
  turned: bool,
  panels: usize,
): void {
  const wide = padded(outputs), taps = tapsOf(w);
  memory.fill(panels, 0, <usize>((taps + 1) * wide) << 2);
  for (let o = 0; o < outputs; o++) {
    const row = at(weights, o * stride);
    if (!turned && w.bias != 0) store<f32>(at(panels, o), load<f32>(at(row, taps)));
    for (let k = 0; k < taps; k++) {
      const place = 1 + (turned ? taps - 1 - k : k);
      store<f32>(at(panels, place * wide + o), load<f32>(at(row, k)));
    }
  }
}

/** Bytes of workspace of {@link depthwise}. */
export function depthwiseWorkspace(w: Window, examples: i32, outputs: i32): usize {
  return align64(<usize>((tapsOf(w) + 1) * padded(outputs)) << 2) + copyBytes(w, outputs);
}

/** The convolution. */
export function depthwise(
  w: Window,
  examples: i32,
  outputs: i32,
  out: usize,
  strideOut: i32,
  images: usize,
  strideImages: i32,
  weights: usize,
  strideWeights: i32,
  workspace: usize,
): void {
  const pixel = <usize>padded(outputs) << 2, gap = <usize>strideImages << 2;
  const copy = workspace + align64(<usize>(tapsOf(w) + 1) * pixel);
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const inside = copy + <usize>w.paddingY * row + <usize>w.paddingX * pixel;
  const height = outHeight(w), width = outWidth(w), outPixel = <usize>strideOut << 2;
  pack(w, outputs, weights, strideWeights, false, workspace);
  memory.fill(copy, 0, copyBytes(w, outputs));
  for (let n = 0; n < examples; n++) {
    // deno-fmt-ignore
    place(
      w.height, w.width, w.channels, outputs / w.channels, inside, row, pixel, images, gap,
    );
    // deno-fmt-ignore
    slide(
      w, height, width, outputs, pixel, <usize>w.dilationY * row, <usize>w.dilationX * pixel,
      copy, <usize>w.strideY * row, <usize>w.strideX * pixel, workspace, out, outPixel,
    );
    images += <usize>(w.height * w.width) * gap;
    out += <usize>(height * width) * outPixel;
  }
}

/** Rows and columns of a copy of g for {@link depthwiseDataGradient}. */
@inline
function stuffedRows(w: Window): i32 {
  return w.height + (w.kernelY - 1) * w.dilationY;
}

@inline
function stuffedCols(w: Window): i32 {
  return w.width + (w.kernelX - 1) * w.dilationX;
}

/** Bytes of workspace of {@link depthwiseDataGradient}. */
export function depthwiseDataGradientWorkspace(w: Window, examples: i32, outputs: i32): usize {
  const wide = padded(outputs);
  return align64(<usize>((tapsOf(w) + 1) * wide) << 2) +
    align64(<usize>(stuffedRows(w) * stuffedCols(w) * wide) << 2) +
    (<usize>(w.height * w.width * wide) << 2);
}

/** The gradient of the images. */
export function depthwiseDataGradient(
  w: Window,
  examples: i32,
  outputs: i32,
  out: usize,
  strideOut: i32,
  g: usize,
  strideG: i32,
  weights: usize,
  strideWeights: i32,
  workspace: usize,
): void {
  const pixel = <usize>padded(outputs) << 2, repeat = outputs / w.channels;
  const row = <usize>stuffedCols(w) * pixel, bytes = <usize>stuffedRows(w) * row;
  const copy = workspace + align64(<usize>(tapsOf(w) + 1) * pixel);
  const whole = copy + align64(bytes), outPixel = <usize>strideOut << 2;
  const height = outHeight(w), width = outWidth(w);
  const top = (w.kernelY - 1) * w.dilationY - w.paddingY;
  const left = (w.kernelX - 1) * w.dilationX - w.paddingX;
  pack(w, outputs, weights, strideWeights, true, workspace);
  memory.fill(copy, 0, bytes);
  for (let n = 0; n < examples; n++) {
    let from = g;
    for (let y = 0; y < height; y++) {
      const line = y * w.strideY + top;
      for (let x = 0; x < width; x++) {
        const column = x * w.strideX + left;
        // Windows that lie in the padding alone.
        if (line >= 0 && line < stuffedRows(w) && column >= 0 && column < stuffedCols(w)) {
          copyNumbers(copy + <usize>line * row + <usize>column * pixel, from, outputs);
        }
        from += <usize>strideG << 2;
      }
    }
    g = from;
    // deno-fmt-ignore
    slide(
      w, w.height, w.width, outputs, pixel, <usize>w.dilationY * row, <usize>w.dilationX * pixel,
      copy, row, pixel, workspace, repeat == 1 ? out : whole, repeat == 1 ? outPixel : pixel,
    );
    if (repeat > 1) gatherRepeated(w, repeat, whole, pixel, out, outPixel);
    out += <usize>(w.height * w.width) * outPixel;
  }
}

/** Sums of the `repeat` numbers of each channel. */
function gatherRepeated(
  w: Window,
  repeat: i32,
  from: usize,
  pixel: usize,
  out: usize,
  outPixel: usize,
): void {
  for (let p = 0; p < w.height * w.width; p++) {
    for (let c = 0; c < w.channels; c++) {
      let sum: f32 = 0;
      for (let j = 0; j < repeat; j++) sum += load<f32>(at(from, c * repeat + j));
      store<f32>(at(out, c), sum);
    }
    from += pixel;
    out += outPixel;
  }
}

/** All positions of an image: rows x cols of them, `sourceRow` and `sourceCol` apart in the copy. */
function slide(
  w: Window,
  rows: i32,
  cols: i32,
  channels: i32,
  pixel: usize,
  stepY: usize,
  stepX: usize,
  source: usize,
  sourceRow: usize,
  sourceCol: usize,
  panels: usize,
  out: usize,
  outPixel: usize,
): void {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < cols; x += 4) {
      const count = min(4, cols - x);
      const first = source + <usize>y * sourceRow + <usize>x * sourceCol;
      for (let c = 0; c < channels; c += STRIP) {
        // deno-fmt-ignore
        tile(
          w.kernelY, w.kernelX, stepY, stepX, at(first, c), sourceCol, count, at(panels, c), pixel,
          at(out, c), outPixel, channels - c,
        );
      }
      out += <usize>count * outPixel;
    }
  }
}

/** Four positions and eight channels; positions beyond `count` repeat the first. */
function tile(
  kernelY: i32,
  kernelX: i32,
  stepY: usize,
  stepX: usize,
  a0: usize,
  sourceCol: usize,
  count: i32,
  b: usize,
  panel: usize,
  out: usize,
  outPixel: usize,
  channels: i32,
): void {
  let a1 = count > 1 ? a0 + sourceCol : a0;
  let a2 = count > 2 ? a0 + 2 * sourceCol : a0;
  let a3 = count > 3 ? a0 + 3 * sourceCol : a0;
  let c00 = v128.load(b), c01 = v128.load(b, 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  const nextY = stepY - <usize>kernelX * stepX;
  for (let y = 0; y < kernelY; y++) {
    for (let x = 0; x < kernelX; x++) {
      b += panel;
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      c00 = fma(v128.load(a0), b0, c00);
      c01 = fma(v128.load(a0, 16), b1, c01);
      c10 = fma(v128.load(a1), b0, c10);
      c11 = fma(v128.load(a1, 16), b1, c11);
      c20 = fma(v128.load(a2), b0, c20);
      c21 = fma(v128.load(a2, 16), b1, c21);
      c30 = fma(v128.load(a3), b0, c30);
      c31 = fma(v128.load(a3, 16), b1, c31);
      a0 += stepX;
      a1 += stepX;
      a2 += stepX;
      a3 += stepX;
    }
    a0 += nextY;
    a1 += nextY;
    a2 += nextY;
    a3 += nextY;
  }
  put(out, c00, c01, channels);
  if (count > 1) put(out + outPixel, c10, c11, channels);
  if (count > 2) put(out + 2 * outPixel, c20, c21, channels);
  if (count > 3) put(out + 3 * outPixel, c30, c31, channels);
}
