// patchSecondMoment: C = decay C + scale P^T diag(w) P over the patches P [n T, dIn] of images.
//
// images [n h w, C] channels-last, w [n T] contiguous or absent (pointer 0), C [dIn, dIn] symmetric
// with rows in the order (kernel row, kernel column, channel; 1 last). C is not read when decay is
// 0; of its old content the upper triangle counts. Denormal results become 0 (see
// second_moment.ts).
//
// The patches never exist all at once. Two ways:
// - Packed: some rows of patches are cut from a padded copy, a second time with their weights, and
//   the tiles of correlate.ts that touch the upper triangle sum them up. Every geometry.
// - Shifted correlations (shifted_correlations.ts): at stride 1 without weights a block of C
//   depends on the distance of its two taps but for the borders, so there are fewer sums than
//   blocks.

import { correlate, Walk } from "./correlate";
import { copyBordered, copyNumbers } from "./padded";
import { mirrorUpper } from "./second_moment";
import { align64, at } from "./simd";
import { addShiftedCorrelations, shiftedWorkspace } from "./shifted_correlations";
import { imagesPerBlock, locationsOf, outWidth, paddedBytes, patchNumbers, Window } from "./window";

const RECORD: usize = 64;
/** Numbers in a block of patches. */
const BLOCK_NUMBERS: i32 = 65536;

/**
 * Distance between rows of patches: whole cache lines, and an odd number of them, so that the same
 * column of many rows does not fall into few sets of a cache.
 */
@inline
function rowNumbers(d: i32): i32 {
  return ((d + 15) / 16 | 1) * 16;
}

/** Rows in a block of patches. */
@inline
function blockRows(d: i32): i32 {
  return max(32, min(256, BLOCK_NUMBERS / rowNumbers(d)));
}

/**
 * Distance between panels of `rows` rows of 8 numbers, for the same reason an odd number of lines.
 */
@inline
function panelBytes(rows: i32): usize {
  return (align64(<usize>rows << 5) | 64);
}

/** Whether correlations of channels fill the tiles and every patch has its own first pixel. */
@inline
function isShifted(w: Window, weighted: bool): bool {
  return !weighted && w.strideY == 1 && w.strideX == 1 && w.channels >= 8;
}

/** Bytes of workspace of {@link patchSecondMoment}; `weighted` is 0 or 1. */
export function patchSecondMomentWorkspace(w: Window, examples: i32, weighted: i32): usize {
  if (isShifted(w, !!weighted)) return shiftedWorkspace(w, examples);
  const d = patchNumbers(w), block = imagesPerBlock(examples, locationsOf(w));
  const rows = blockRows(d), panels = (d + 7) / 8;
  return RECORD + (<usize>((d + 1 + rows) * rowNumbers(d)) << 2) +
    <usize>panels * panelBytes(rows) + <usize>block * paddedBytes(w);
}

/** C = decay C + scale P^T diag(w) P. */
export function patchSecondMoment(
  w: Window,
  examples: i32,
  decay: f32,
  scale: f32,
  c: usize,
  strideC: i32,
  images: usize,
  strideImages: i32,
  weights: usize,
  workspace: usize,
): void {
  const d = patchNumbers(w) + w.bias, stride = <usize>strideC << 2;
  for (let i = 0; i < d; i++) decayRow(d - i, decay, at(c + <usize>i * stride, i));
  if (isShifted(w, weights != 0)) {
    addShiftedCorrelations(w, examples, scale, c, stride, images, strideImages, workspace);
  } else {
    addPacked(w, examples, scale, c, stride, images, strideImages, weights, workspace);
  }
  mirrorUpper(d, c, stride);
}

/** row = decay row; 0 where decay is. */
function decayRow(count: i32, decay: f32, row: usize): void {
  if (decay == 0) memory.fill(row, 0, <usize>count << 2);
  else for (let j = 0; j < count; j++) store<f32>(at(row, j), decay * load<f32>(at(row, j)));
}

function addPacked(
  w: Window,
  examples: i32,
  scale: f32,
  c: usize,
  strideC: usize,
  images: usize,
  strideImages: i32,
  weights: usize,
  workspace: usize,
): void {
  // The homogeneous coordinate stays out of the tiles, whose last column it would have to itself.
  const d = patchNumbers(w), most = blockRows(d);
  const rowBytes = <usize>rowNumbers(d) << 2;
  const sums = workspace + RECORD, ones = sums + <usize>d * rowBytes;
  const plain = ones + rowBytes, weighted = plain + <usize>most * rowBytes;
  const copy = weighted + <usize>((d + 7) / 8) * panelBytes(most);
  const walk = changetype<Walk>(workspace);
  walk.images = 1;
  walk.rows = 1;
  walk.aCol = rowBytes;
  walk.bCol = 32;
  walk.bPanel = panelBytes(most);
  // What lies behind the last number of a row of patches is multiplied, but never used.
  memory.fill(sums, 0, copy - sums);
  const locations = locationsOf(w), block = imagesPerBlock(examples, locations);
  for (let n = 0; n < examples; n += block) {
    const count = min(block, examples - n);
    // deno-fmt-ignore
    copyBordered(
      count, w.height, w.width, w.channels,
      w.paddingY, w.paddingX, w.paddingY, w.paddingX,
      copy, images + (<usize>(n * w.height * w.width * strideImages) << 2),
      <usize>strideImages << 2,
    );
    // Blocks of equal length: a short one would pay for its tiles without filling them.
    const rows = count * locations, blocks = (rows + most - 1) / most;
    for (let i = 0; i < blocks; i++) {
      const t = i * rows / blocks;
      walk.cols = (i + 1) * rows / blocks - t;
      const wp = weights != 0 ? at(weights, n * locations + t) : 0;
      cutPatches(w, t, walk.cols, copy, wp, plain, rowBytes, weighted, walk.bPanel);
      if (w.bias) addColumns(d, walk.cols, weighted, walk.bPanel, ones);
      correlate(walk, d, d, true, plain, weighted, sums, rowBytes);
    }
  }
  for (let i = 0; i < d; i++) {
    const from = sums + <usize>i * rowBytes, to = c + <usize>i * strideC;
    for (let j = i; j < d; j++) addTo(at(to, j), scale * load<f32>(at(from, j)));
    if (w.bias) addTo(at(to, d), scale * load<f32>(at(ones, i)));
  }
  if (w.bias) {
    addTo(at(c + <usize>d * strideC, d), scale * total(examples * locations, weights));
  }
}

function addTo(p: usize, x: f32): void {
  store<f32>(p, load<f32>(p) + x);
}

/** Sum of the weights, which are all 1 when there are none. */
function total(count: i32, weights: usize): f32 {
  if (weights == 0) return <f32>count;
  let sum: f64 = 0;
  for (let i = 0; i < count; i++) sum += <f64>load<f32>(at(weights, i));
  return <f32>sum;
}

/**
 * Rows of patches, from location `first` on, counted over all images of a padded copy; and the same
 * times their weights (1 when the pointer is 0), in panels of 8 columns.
 */
function cutPatches(
  w: Window,
  first: i32,
  rows: i32,
  padded: usize,
  weights: usize,
  plain: usize,
  rowBytes: usize,
  weighted: usize,
  panelBytes: usize,
): void {
  const locations = locationsOf(w), width = outWidth(w), d = patchNumbers(w);
  const pixel = <usize>w.channels << 2;
  const line = <usize>(w.width + 2 * w.paddingX) * pixel;
  const merged = w.dilationX == 1;
  const runs = merged ? 1 : w.kernelX, run = merged ? w.kernelX * w.channels : w.channels;
  const wholePanels = merged && (run & 7) == 0;
  let n = first / locations, y = first % locations / width, x = first % width;
  for (let i = 0; i < rows; i++) {
    let from = padded + <usize>n * paddedBytes(w) + <usize>(y * w.strideY) * line +
      <usize>(x * w.strideX) * pixel;
    const weight: f32 = weights != 0 ? load<f32>(at(weights, i)) : 1;
    let to = plain, panel = weighted;
    for (let ky = 0; ky < w.kernelY; ky++) {
      if (wholePanels) {
        panel = copyAndWeigh(run, weight, to, from, panel, panelBytes);
        to += <usize>run << 2;
      } else {
        for (let kx = 0; kx < runs; kx++) {
          copyNumbers(to, from + <usize>(kx * w.dilationX) * pixel, run);
          to += <usize>run << 2;
        }
      }
      from += <usize>w.dilationY * line;
    }
    if (!wholePanels) weighRow(d, weight, plain, weighted, panelBytes);
    plain += rowBytes;
    weighted += 32;
    if (++x == width) {
      x = 0;
      if (++y * width == locations) {
        y = 0;
        n++;
      }
    }
  }
}

/** row = x and panels = weight x, for whole panels; returns the panel after the last. */
@inline
function copyAndWeigh(
  count: i32,
  weight: f32,
  row: usize,
  x: usize,
  panel: usize,
  panelBytes: usize,
): usize {
  const w = f32x4.splat(weight), end = x + (<usize>count << 2);
  for (; x < end; x += 32, row += 32, panel += panelBytes) {
    const low = v128.load(x), high = v128.load(x, 16);
    v128.store(row, low);
    v128.store(row, high, 16);
    v128.store(panel, f32x4.mul(w, low));
    v128.store(panel, f32x4.mul(w, high), 16);
  }
  return panel;
}

/** Panels = weight x; up to seven numbers behind x are multiplied as well. */
function weighRow(count: i32, weight: f32, x: usize, panel: usize, panelBytes: usize): void {
  const w = f32x4.splat(weight), end = x + (<usize>count << 2);
  for (; x < end; x += 32) {
    v128.store(panel, f32x4.mul(w, v128.load(x)));
    v128.store(panel, f32x4.mul(w, v128.load(x, 16)), 16);
    panel += panelBytes;
  }
}

/** Adds the sums of the columns of panels. */
function addColumns(count: i32, rows: i32, panel: usize, panelBytes: usize, sums: usize): void {
  for (let j = 0; j < count; j += 8) {
    let low = v128.load(at(sums, j)), high = v128.load(at(sums, j), 16);
    let p = panel;
    for (const end = panel + (<usize>rows << 5); p < end; p += 32) {
      low = f32x4.add(low, v128.load(p));
      high = f32x4.add(high, v128.load(p, 16));
    }
    v128.store(at(sums, j), low);
    v128.store(at(sums, j), high, 16);
    panel += panelBytes;
  }
}
