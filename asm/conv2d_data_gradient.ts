// conv2dDataGradient: the gradient of a convolution's images, [n h w, C], from that of its outputs,
// g [n T, dOut], and Wbar [dOut, dIn], whose bias column takes no part; rows at any stride.
//
// Along each axis, pixel Y (counted with the padding) meets location (Y - k dilation) / stride for
// the taps k where that is an integer. The pixels of one phase, Y mod stride = r, meet the same
// taps; these form an arithmetic progression, and so do their locations. So each of the strideY
// strideX phases is a gather (gather.ts) over g with a border of zeros: its positions are the
// pixels of the phase, every strideY-th row and strideX-th column, its taps go backwards so that
// locations ascend.

import { packColumnPanel } from "./gemm_pack";
import { fillTable, Gather, gather, OUTPUTS, panelsBytes, tableBytes } from "./gather";
import { copyBordered } from "./padded";
import { align64 } from "./simd";
import { imagesPerBlock, outHeight, outWidth, Window } from "./window";

/** Room for the records of a phase. */
const RECORD: usize = 192;

/** What the pixels of a phase meet along one axis. */
@unmanaged
class Phase {
  /** First pixel of the phase. */
  pixel: i32;
  /** Number of pixels. */
  pixels: i32;
  /** The largest tap, which meets the lowest location. */
  tap: i32;
  /** From a tap to the one before. */
  tapStep: i32;
  taps: i32;
  /** Location that the first pixel meets with the largest tap; may be negative. */
  location: i32;
  /** From the location of a tap to that of the one before. */
  locationStep: i32;
}

function gcd(a: i32, b: i32): i32 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

function describePhase(
  p: Phase,
  r: i32,
  size: i32,
  kernel: i32,
  stride: i32,
  padding: i32,
  dilation: i32,
): void {
  // Pixel y has Y = y + padding.
  p.pixel = (r - padding % stride + stride) % stride;
  p.pixels = p.pixel < size ? (size - 1 - p.pixel) / stride + 1 : 0;
  let first = 0;
  while (first < kernel && first * dilation % stride != r) {
    // Taps repeat their phases after `stride` of them.
    first = first + 1 < stride ? first + 1 : kernel;
  }
  const common = gcd(dilation, stride);
  p.tapStep = stride / common;
  p.locationStep = dilation / common;
  p.taps = first < kernel ? (kernel - 1 - first) / p.tapStep + 1 : 0;
  p.tap = first + (p.taps - 1) * p.tapStep;
  p.location = (p.pixel + padding - p.tap * dilation) / stride;
}

/** Locations below 0 that some pixel meets. */
@inline
function before(kernel: i32, stride: i32, padding: i32, dilation: i32): i32 {
  return max(0, ((kernel - 1) * dilation - padding) / stride);
}

/** Locations at or above `locations` that some pixel meets. */
@inline
function behind(size: i32, locations: i32, stride: i32, padding: i32): i32 {
  return max(0, (size - 1 + padding) / stride - (locations - 1));
}

/** Bytes of workspace of {@link conv2dDataGradient}. */
export function conv2dDataGradientWorkspace(w: Window, examples: i32, outputs: i32): usize {
  const images = imagesPerBlock(examples, w.height * w.width);
  const rows = outHeight(w) + before(w.kernelY, w.strideY, w.paddingY, w.dilationY) +
    behind(w.height, outHeight(w), w.strideY, w.paddingY);
  const cols = outWidth(w) + before(w.kernelX, w.strideX, w.paddingX, w.dilationX) +
    behind(w.width, outWidth(w), w.strideX, w.paddingX);
  const depth = w.kernelY * w.kernelX * outputs;
  return RECORD + align64(tableBytes(images * w.height * w.width)) +
    align64(panelsBytes(depth, w.channels)) + (<usize>(images * rows * cols * outputs) << 2);
}

/** out = gradient of the images. */
export function conv2dDataGradient(
  w: Window,
  examples: i32,
  outputs: i32,
  out: usize,
  strideOut: i32,
  gradient: usize,
  strideGradient: i32,
  weights: usize,
  strideWeights: i32,
  workspace: usize,
): void {
  const g = changetype<Gather>(workspace);
  const vertical = changetype<Phase>(workspace + 64);
  const horizontal = changetype<Phase>(workspace + 128);
  const height = outHeight(w), width = outWidth(w);
  const block = imagesPerBlock(examples, w.height * w.width);
  const top = before(w.kernelY, w.strideY, w.paddingY, w.dilationY);
  const left = before(w.kernelX, w.strideX, w.paddingX, w.dilationX);
  const bottom = behind(w.height, height, w.strideY, w.paddingY);
  const right = behind(w.width, width, w.strideX, w.paddingX);
  g.table = workspace + RECORD;
  g.panels = g.table + align64(tableBytes(block * w.height * w.width));
  const copy = g.panels + align64(panelsBytes(w.kernelY * w.kernelX * outputs, w.channels));
  const inPlace = top + left + bottom + right == 0 && strideGradient == outputs;
  const gap = <usize>strideGradient << 2, pixelOut = <usize>strideOut << 2;
  const pixel = <usize>outputs << 2, row = <usize>(left + width + right) * pixel;
  const image = <usize>(top + height + bottom) * row;
  for (let n = 0; n < examples; n += block) {
    const count = min(block, examples - n);
    let source = gradient + <usize>(n * height * width) * gap;
    if (!inPlace) {
      // deno-fmt-ignore
      copyBordered(
        count, height, width, outputs, top, left, bottom, right, copy, source, gap,
      );
      source = copy;
    }
    const target = out + <usize>(n * w.height * w.width) * pixelOut;
    for (let ry = 0; ry < w.strideY; ry++) {
      // deno-fmt-ignore
      describePhase(
        vertical, ry, w.height, w.kernelY, w.strideY, w.paddingY, w.dilationY,
      );
      for (let rx = 0; rx < w.strideX; rx++) {
        // deno-fmt-ignore
        describePhase(
          horizontal, rx, w.width, w.kernelX, w.strideX, w.paddingX, w.dilationX,
        );
        describeTaps(g, vertical, horizontal, outputs, row, pixel);
        packWeights(w, g, vertical, horizontal, outputs, weights, <usize>strideWeights << 2);
        const downwards = <usize>w.strideY * <usize>w.width * pixelOut;
        // deno-fmt-ignore
        fillTable(
          g.table, count, vertical.pixels, horizontal.pixels, image, row, pixel,
          <usize>(w.height * w.width) * pixelOut, downwards, <usize>w.strideX * pixelOut,
        );
        // Where a phase meets no tap, any source will do: nothing is read of it but its address.
        const origin = <isize>(vertical.location + top) * <isize>row +
          <isize>(horizontal.location + left) * <isize>pixel;
        const start = <usize>(vertical.pixel * w.width + horizontal.pixel) * pixelOut;
        gather(g, count, w.channels, source + <usize>origin, target + start);
      }
    }
  }
}

/** The taps of a phase as a gather; neighbours along a row become one run. */
function describeTaps(
  g: Gather,
  vertical: Phase,
  horizontal: Phase,
  outputs: i32,
  row: usize,
  pixel: usize,
): void {
  const merged = horizontal.locationStep == 1;
  g.countY = vertical.taps;
  g.countX = merged ? min(1, horizontal.taps) : horizontal.taps;
  g.run = merged ? horizontal.taps * outputs : outputs;
  g.stepY = <usize>vertical.locationStep * row;
  g.stepX = <usize>horizontal.locationStep * pixel;
  g.positions = vertical.pixels * horizontal.pixels;
}

/** Panels of 8 channels: sums start at 0, then tap by tap the weights of all outputs. */
function packWeights(
  w: Window,
  g: Gather,
  vertical: Phase,
  horizontal: Phase,
  outputs: i32,
  weights: usize,
  stride: usize,
): void {
  let to = g.panels;
  for (let c = 0; c < w.channels; c += OUTPUTS) {
    const cols = min(OUTPUTS, w.channels - c);
    memory.fill(to, 0, 32);
    to += 32;
    for (let y = 0; y < vertical.taps; y++) {
      const tapY = vertical.tap - y * vertical.tapStep;
      for (let x = 0; x < horizontal.taps; x++) {
        const tap = tapY * w.kernelX + horizontal.tap - x * horizontal.tapStep;
        const from = weights + (<usize>(tap * w.channels + c) << 2);
        packColumnPanel(outputs, OUTPUTS, cols, from, stride, 4, 0, to);
        to += <usize>outputs << 5;
      }
    }
  }
}
