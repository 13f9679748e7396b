// conv2d: out = patches Wbar^T.
//
// images [n h w, C] channels-last, Wbar [dOut, dIn] with columns (kernel row, kernel column,
// channel; bias last), out [n T, dOut]; rows at any stride.
//
// One gather (gather.ts): its positions are the locations, its taps those of the kernel. It reads a
// copy with a border of zeros, made for a few images at a time so that it stays in the second
// cache; images without padding and gaps are read in place.

import { packColumnPanel } from "./gemm_pack";
import { fillTable, Gather, gather, OUTPUTS, panelsBytes, tableBytes } from "./gather";
import { copyBordered } from "./padded";
import { align64, at } from "./simd";
import {
  imagesPerBlock,
  locationsOf,
  outHeight,
  outWidth,
  paddedBytes,
  patchNumbers,
  Window,
} from "./window";

/** Room for the record at the start of a workspace. */
const RECORD: usize = 64;

/** Bytes of workspace of {@link conv2d}. */
export function conv2dWorkspace(w: Window, examples: i32, outputs: i32): usize {
  const images = imagesPerBlock(examples, locationsOf(w));
  return RECORD + align64(tableBytes(images * locationsOf(w))) +
    align64(panelsBytes(patchNumbers(w), outputs)) + <usize>images * paddedBytes(w);
}

/** out = patches Wbar^T. */
export function conv2d(
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
  const block = imagesPerBlock(examples, locationsOf(w));
  const pixelOut = <usize>strideOut << 2, gap = <usize>strideImages << 2;
  const inPlace = w.paddingY == 0 && w.paddingX == 0 && strideImages == w.channels;
  const g = changetype<Gather>(workspace);
  g.table = workspace + RECORD;
  g.panels = g.table + align64(tableBytes(block * locationsOf(w)));
  const copy = g.panels + align64(panelsBytes(patchNumbers(w), outputs));
  describeTaps(w, g);
  packWeights(w, outputs, weights, <usize>strideWeights << 2, g.panels);
  const pixel = <usize>w.channels << 2;
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  // deno-fmt-ignore
  fillTable(
    g.table, block, outHeight(w), outWidth(w),
    paddedBytes(w), <usize>w.strideY * row, <usize>w.strideX * pixel,
    <usize>g.positions * pixelOut, <usize>outWidth(w) * pixelOut, pixelOut,
  );
  const imageBytes = <usize>(w.height * w.width) * gap;
  for (let n = 0; n < examples; n += block) {
    const count = min(block, examples - n);
    let source = images + <usize>n * imageBytes;
    if (!inPlace) {
      // deno-fmt-ignore
      copyBordered(
        count, w.height, w.width, w.channels,
        w.paddingY, w.paddingX, w.paddingY, w.paddingX, copy, source, gap,
      );
      source = copy;
    }
    gather(g, count, outputs, source, out + <usize>(n * g.positions) * pixelOut);
  }
}

/** The taps of the kernel; those of a row are one run unless they are dilated. */
function describeTaps(w: Window, g: Gather): void {
  const pixel = <usize>w.channels << 2;
  const row = <usize>(w.width + 2 * w.paddingX) * pixel;
  const merged = w.dilationX == 1;
  g.countY = w.kernelY;
  g.countX = merged ? 1 : w.kernelX;
  g.run = merged ? w.kernelX * w.channels : w.channels;
  g.stepY = <usize>w.dilationY * row;
  g.stepX = <usize>w.dilationX * pixel;
  g.positions = locationsOf(w);
}

/** Panels of 8 outputs: their bias, then their weights, output by output turned into columns. */
function packWeights(
  w: Window,
  outputs: i32,
  weights: usize,
  stride: usize,
  panels: usize,
): void {
  const depth = patchNumbers(w);
  for (let j = 0; j < outputs; j += OUTPUTS) {
    const cols = min(OUTPUTS, outputs - j);
    const first = weights + <usize>j * stride;
    for (let i = 0; i < OUTPUTS; i++) {
      const present = w.bias != 0 && i < cols;
      store<f32>(at(panels, i), present ? load<f32>(at(first + <usize>i * stride, depth)) : 0);
    }
    packColumnPanel(depth, OUTPUTS, cols, first, 4, stride, 0, panels + 32);
    panels += <usize>(depth + 1) << 5;
  }
}
