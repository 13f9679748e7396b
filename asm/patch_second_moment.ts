// patchSecondMoment: C = decay C + scale P^T diag(w) P over the patches P [n T, dIn] of images.
//
// images [n h w, C] channels-last, w [n T] contiguous or absent (pointer 0), C [dIn, dIn] symmetric with
// rows in the order (kernel row, kernel column, channel; 1 last). C is not read when decay is 0; of its
// old content the upper triangle counts. Denormal results become 0 (see second_moment.ts).
//
// The patches never exist all at once. Two ways:
// - Packed: some rows of patches are cut from a padded copy, a second time with their weights, and
//   the tiles of correlate.ts that touch the upper triangle sum them up. Every geometry.
// - Shifted correlations (shifted_correlations.ts): at stride 1 without weights a block of C depends on
//   the distance of its two taps but for the borders, so there are fewer sums than blocks.

import { correlate, Walk } from "./correlate";
import { copyBordered, copyNumbers } from "./padded";
import { mirrorUpper } from "./second_moment";
import { align64, at } from "./simd";
import { addShiftedCorrelations, shiftedWorkspace } from "./shifted_correlations";
import {
  imagesPerBlock,
  locationsOf,
  outWidth,
  paddedBytes,
  patchNumbers,
  Window,
} from "./window";

const RECORD: usize = 64, SLACK: usize = 64;
/** Numbers in a block of patches. */
const BLOCK_NUMBERS: i32 = 65536;

/** Distance between rows of patches: whole cache lines, an odd number of them. */
@inline
function rowNumbers(d: i32): i32 {
  return ((d + 15) / 16 | 1) * 16;
}

/** Rows in a block of patches. */
@inline
function blockRows(d: i32): i32 {
  return max(32, min(256, BLOCK_NUMBERS / rowNumbers(d)));
}

/** Whether correlations of channels fill the tiles and every patch has its own first pixel. */
@inline
function isShifted(w: Window, weighted: bool): bool {
  return !weighted && w.strideY == 1 && w.strideX == 1 && w.channels >= 8;
}

/** Bytes of workspace of {@link patchSecondMoment}; `weighted` is 0 or 1. */
export function patchSecondMomentWorkspace(w: Window, examples: i32, weighted: i32): usize {
  if (isShifted(w, !!weighted)) return shiftedWorkspace(w, examples);
  const d = patchNumbers(w) + w.bias, block = imagesPerBlock(examples, locationsOf(w));
  const rows = <usize>(blockRows(d) * rowNumbers(d)) << 2;
  return RECORD + align64(<usize>(d * rowNumbers(d)) << 2) + 2 * (rows + SLACK) +
    <usize>block * paddedBytes(w);
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
  const d = patchNumbers(w) + w.bias, length = rowNumbers(d), most = blockRows(d);
  const rowBytes = <usize>length << 2, blockBytes = <usize>most * rowBytes + SLACK;
  const sums = workspace + RECORD, plain = sums + align64(<usize>d * rowBytes);
  const weighted = plain + blockBytes, copy = weighted + blockBytes;
  const walk = changetype<Walk>(workspace);
  walk.images = 1;
  walk.rows = 1;
  walk.aCol = rowBytes;
  walk.bCol = rowBytes;
  memory.fill(sums, 0, <usize>d * rowBytes);
  // What lies behind the last number of a row is multiplied but never used; it must not be denormal.
  memory.fill(plain, 0, 2 * blockBytes);
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
    for (let t = 0; t < count * locations; t += most) {
      walk.cols = min(most, count * locations - t);
      cutPatches(w, t, walk.cols, copy, plain, rowBytes);
      let right = plain;
      if (weights != 0) {
        weighRows(walk.cols, d, at(weights, n * locations + t), plain, weighted, rowBytes);
        right = weighted;
      }
      correlate(walk, d, d, true, plain, right, sums, rowBytes);
    }
  }
  for (let i = 0; i < d; i++) {
    const from = sums + <usize>i * rowBytes, to = c + <usize>i * strideC;
    for (let j = i; j < d; j++) {
      store<f32>(at(to, j), load<f32>(at(to, j)) + scale * load<f32>(at(from, j)));
    }
  }
}

/** Rows of patches, from location `first` on, counted over all images of a padded copy. */
function cutPatches(
  w: Window,
  first: i32,
  rows: i32,
  padded: usize,
  out: usize,
  rowBytes: usize,
): void {
  const locations = locationsOf(w), width = outWidth(w);
  const pixel = <usize>w.channels << 2;
  const line = <usize>(w.width + 2 * w.paddingX) * pixel;
  const merged = w.dilationX == 1;
  const runs = merged ? 1 : w.kernelX, run = merged ? w.kernelX * w.channels : w.channels;
  let n = first / locations, y = first % locations / width, x = first % width;
  for (let i = 0; i < rows; i++) {
    let from = padded + <usize>n * paddedBytes(w) + <usize>(y * w.strideY) * line +
      <usize>(x * w.strideX) * pixel;
    let to = out;
    for (let ky = 0; ky < w.kernelY; ky++) {
      for (let kx = 0; kx < runs; kx++) {
        copyNumbers(to, from + <usize>(kx * w.dilationX) * pixel, run);
        to += <usize>run << 2;
      }
      from += <usize>w.dilationY * line;
    }
    if (w.bias) store<f32>(to, 1);
    out += rowBytes;
    if (++x == width) {
      x = 0;
      if (++y * width == locations) {
        y = 0;
        n++;
      }
    }
  }
}

/** out = diag(w) x for rows of whole vectors. */
function weighRows(rows: i32, d: i32, weights: usize, x: usize, out: usize, rowBytes: usize): void {
  const end = <usize>((d + 3) & ~3) << 2;
  for (let i = 0; i < rows; i++) {
    const weight = v128.load32_splat(at(weights, i));
    for (let j: usize = 0; j < end; j += 16) {
      v128.store(out + j, f32x4.mul(weight, v128.load(x + j)));
    }
    x += rowBytes;
    out += rowBytes;
  }
}
