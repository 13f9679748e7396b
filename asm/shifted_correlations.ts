// The unweighted second moment of patches at stride 1 as correlations of the image with itself.
//
// Block (k, k') of P^T P is the sum over locations t of x[t + k] x[t + k']^T. With y = t + k it is
// the sum of x[y] x[y + s]^T, s = k' - k, over a rectangle of pixels y: the same products for all
// pairs of taps with the same s, but for the borders of the rectangle. So for each s the pixels are
// cut, along both axes, where the rectangle of some pair begins or ends; the correlation over each
// of the cells is summed once, and a block adds up the cells that make its rectangle. A 3 x 3
// kernel has 13 shifts instead of 45 blocks, and every product is formed once.
//
// Pixels are counted without padding: what lies outside is zero and takes no part. Shifts go
// through sy = 0, 1, ... and, for sy = 0, only sx >= 0: the upper triangle.

import { correlate, Walk } from "./correlate";
import { copyNumbers } from "./padded";
import { at } from "./simd";
import { locationsOf, outHeight, outWidth, patchNumbers, Window } from "./window";

/** Bytes of images worked on together, and of one chunk of a cell. */
const BLOCK_BYTES: i32 = 131072, CHUNK_BYTES: i32 = 16384;
const RECORD: usize = 64;
/** What follows the last cut. */
const NONE: i32 = i32.MAX_VALUE;

// One axis: location t sees pixel t + k dilation - padding with tap k; `origin` is k dilation -
// padding.

/** First pixel that a tap sees whose partner, `distance` pixels away, lies inside as well. */
@inline
function firstPixel(origin: i32, distance: i32): i32 {
  return max(origin, max(0, -distance));
}

/** Behind the last one. */
@inline
function endPixel(origin: i32, distance: i32, size: i32, locations: i32): i32 {
  return min(origin + locations, min(size, size - distance));
}

/** The first pixel above `after` where the range of some pair of taps begins or ends. */
function nextCut(
  size: i32,
  locations: i32,
  kernel: i32,
  padding: i32,
  dilation: i32,
  shift: i32,
  after: i32,
): i32 {
  let next = NONE;
  for (let k = max(0, -shift); k < min(kernel, kernel - shift); k++) {
    const origin = k * dilation - padding;
    const first = firstPixel(origin, shift * dilation);
    const end = endPixel(origin, shift * dilation, size, locations);
    if (first >= end) continue;
    if (first > after) next = min(next, first);
    if (end > after) next = min(next, end);
  }
  return next;
}

function nextRow(w: Window, shift: i32, after: i32): i32 {
  // deno-fmt-ignore
  return nextCut(
    w.height, outHeight(w), w.kernelY, w.paddingY, w.dilationY, shift, after,
  );
}

function nextCol(w: Window, shift: i32, after: i32): i32 {
  // deno-fmt-ignore
  return nextCut(
    w.width, outWidth(w), w.kernelX, w.paddingX, w.dilationX, shift, after,
  );
}

/** Whether the rectangle of a tap and its partner holds the cell that begins at (y, x). */
@inline
function holds(w: Window, ky: i32, kx: i32, sy: i32, sx: i32, y: i32, x: i32): bool {
  const top = ky * w.dilationY - w.paddingY, left = kx * w.dilationX - w.paddingX;
  const dy = sy * w.dilationY, dx = sx * w.dilationX;
  return y >= firstPixel(top, dy) && y < endPixel(top, dy, w.height, outHeight(w)) &&
    x >= firstPixel(left, dx) && x < endPixel(left, dx, w.width, outWidth(w));
}

/** Channels of a pixel as the tiles read them. */
@inline
function wideChannels(w: Window): i32 {
  return (w.channels + 7) & ~7;
}

function imagesPerPass(w: Window, examples: i32): i32 {
  return max(1, min(examples, BLOCK_BYTES / max(1, w.height * w.width * wideChannels(w) << 2)));
}

/** Bytes of the sums of one cell. */
@inline
function cellBytes(w: Window): usize {
  return <usize>(w.channels * wideChannels(w)) << 2;
}

/** Number of cells over all shifts. */
function countCells(w: Window): i32 {
  let count = 0;
  for (let sy = 0; sy < w.kernelY; sy++) {
    for (let sx = sy == 0 ? 0 : 1 - w.kernelX; sx < w.kernelX; sx++) {
      let rows = 0, cols = 0;
      for (let y = nextRow(w, sy, -1); y != NONE; y = nextRow(w, sy, y)) rows++;
      for (let x = nextCol(w, sx, -1); x != NONE; x = nextCol(w, sx, x)) cols++;
      count += max(0, rows - 1) * max(0, cols - 1);
    }
  }
  return count;
}

/** Bytes of workspace of {@link addShiftedCorrelations}. */
export function shiftedWorkspace(w: Window, examples: i32): usize {
  const pixels = imagesPerPass(w, examples) * w.height * w.width;
  return RECORD + <usize>countCells(w) * cellBytes(w) + (<usize>(pixels * wideChannels(w)) << 2) +
    (<usize>wideChannels(w) << 2);
}

/** Adds scale P^T P to the upper triangle of C. */
export function addShiftedCorrelations(
  w: Window,
  examples: i32,
  scale: f32,
  c: usize,
  strideC: usize,
  images: usize,
  strideImages: i32,
  workspace: usize,
): void {
  const walk = changetype<Walk>(workspace);
  const sums = workspace + RECORD;
  const sumBytes = <usize>countCells(w) * cellBytes(w);
  const copy = sums + sumBytes, wide = wideChannels(w);
  const pixels = w.height * w.width;
  const gap = <usize>strideImages << 2;
  memory.fill(sums, 0, sumBytes);
  const block = imagesPerPass(w, examples);
  for (let n = 0; n < examples; n += block) {
    walk.images = min(block, examples - n);
    let source = images + <usize>(n * pixels) * gap, pixel = gap;
    if (wide != w.channels) {
      pixel = <usize>wide << 2;
      copyWide(walk.images * pixels, w.channels, copy, pixel, source, gap);
      source = copy;
    }
    sumCells(w, walk, source, pixel, sums);
    if (w.bias) addColumnOfOnes(w, walk.images, scale, c, strideC, source, pixel, copy);
  }
  addCells(w, scale, c, strideC, sums);
  if (w.bias) {
    const d = patchNumbers(w), corner = at(c + <usize>d * strideC, d);
    store<f32>(corner, load<f32>(corner) + scale * <f32>(examples * locationsOf(w)));
  }
}

/** Copies rows of `cols` numbers to wider ones, zeros behind. */
function copyWide(rows: i32, cols: i32, to: usize, toBytes: usize, from: usize, gap: usize): void {
  const used = <usize>cols << 2;
  for (let i = 0; i < rows; i++) {
    copyNumbers(to, from, cols);
    memory.fill(to + used, 0, toBytes - used);
    to += toBytes;
    from += gap;
  }
}

/** Adds the correlations of a block of images to the sums of all cells. */
function sumCells(w: Window, walk: Walk, source: usize, pixel: usize, sums: usize): void {
  for (let sy = 0; sy < w.kernelY; sy++) {
    for (let sx = sy == 0 ? 0 : 1 - w.kernelX; sx < w.kernelX; sx++) {
      const distance = sy * w.dilationY * w.width + sx * w.dilationX;
      const partner = source + <usize>(<isize>distance * <isize>pixel);
      let y0 = nextRow(w, sy, -1);
      for (let y1 = nextRow(w, sy, y0); y1 != NONE; y0 = y1, y1 = nextRow(w, sy, y0)) {
        let x0 = nextCol(w, sx, -1);
        for (let x1 = nextCol(w, sx, x0); x1 != NONE; x0 = x1, x1 = nextCol(w, sx, x0)) {
          sumCell(w, walk, y0, y1, x0, x1, sy == 0 && sx == 0, source, partner, pixel, sums);
          sums += cellBytes(w);
        }
      }
    }
  }
}

/** One cell, in chunks of rows that stay in the first cache. */
function sumCell(
  w: Window,
  walk: Walk,
  y0: i32,
  y1: i32,
  x0: i32,
  x1: i32,
  symmetric: bool,
  a: usize,
  b: usize,
  pixel: usize,
  sums: usize,
): void {
  const images = walk.images, most = max(8, CHUNK_BYTES / <i32>pixel);
  const width = x1 - x0, height = y1 - y0;
  const rows = max(1, min(height, most / width));
  const together = rows < height ? 1 : max(1, min(images, most / (width * height)));
  const line = <usize>w.width * pixel, image = <usize>w.height * line;
  walk.cols = width;
  walk.bPanel = 32;
  walk.aCol = walk.bCol = pixel;
  walk.aRow = walk.bRow = line - <usize>width * pixel;
  for (let n = 0; n < images; n += together) {
    walk.images = min(together, images - n);
    for (let y = y0; y < y1; y += rows) {
      walk.rows = min(rows, y1 - y);
      walk.aImage = walk.bImage = image - <usize>walk.rows * line;
      const start = <usize>n * image + <usize>y * line + <usize>x0 * pixel;
      const stride = <usize>wideChannels(w) << 2;
      correlate(walk, w.channels, w.channels, symmetric, a + start, b + start, sums, stride);
    }
  }
  walk.images = images;
}

/** Adds every cell to the blocks of C whose rectangles hold it, in the order of `sumCells`. */
function addCells(w: Window, scale: f32, c: usize, strideC: usize, sums: usize): void {
  for (let sy = 0; sy < w.kernelY; sy++) {
    for (let sx = sy == 0 ? 0 : 1 - w.kernelX; sx < w.kernelX; sx++) {
      let y0 = nextRow(w, sy, -1);
      for (let y1 = nextRow(w, sy, y0); y1 != NONE; y0 = y1, y1 = nextRow(w, sy, y0)) {
        let x0 = nextCol(w, sx, -1);
        for (let x1 = nextCol(w, sx, x0); x1 != NONE; x0 = x1, x1 = nextCol(w, sx, x0)) {
          addCell(w, sy, sx, y0, x0, scale, c, strideC, sums);
          sums += cellBytes(w);
        }
      }
    }
  }
}

/** Adds one cell to the blocks of all pairs of taps (sy, sx) apart that it belongs to. */
function addCell(
  w: Window,
  sy: i32,
  sx: i32,
  y: i32,
  x: i32,
  scale: f32,
  c: usize,
  strideC: usize,
  sums: usize,
): void {
  for (let ky = 0; ky < w.kernelY - sy; ky++) {
    for (let kx = max(0, -sx); kx < min(w.kernelX, w.kernelX - sx); kx++) {
      if (!holds(w, ky, kx, sy, sx, y, x)) continue;
      const row = (ky * w.kernelX + kx) * w.channels;
      const col = ((ky + sy) * w.kernelX + kx + sx) * w.channels;
      addBlock(
        w.channels,
        wideChannels(w),
        scale,
        at(c + <usize>row * strideC, col),
        strideC,
        sums,
      );
    }
  }
}

/** c += scale x for a square block; x has rows of `wide` numbers. */
function addBlock(size: i32, wide: i32, scale: f32, c: usize, strideC: usize, x: usize): void {
  const factor = f32x4.splat(scale);
  for (let i = 0; i < size; i++) {
    let j = 0;
    for (; j + 4 <= size; j += 4) {
      const p = at(c, j);
      v128.store(p, f32x4.add(v128.load(p), f32x4.mul(factor, v128.load(at(x, j)))));
    }
    for (; j < size; j++) {
      store<f32>(at(c, j), load<f32>(at(c, j)) + scale * load<f32>(at(x, j)));
    }
    c += strideC;
    x += <usize>wide << 2;
  }
}

/**
 * The last column of C: for every tap the sum of the pixels that it sees. `room` is behind the copy
 * of the images.
 */
function addColumnOfOnes(
  w: Window,
  images: i32,
  scale: f32,
  c: usize,
  strideC: usize,
  source: usize,
  pixel: usize,
  copy: usize,
): void {
  const room = copy + <usize>(images * w.height * w.width) * (<usize>wideChannels(w) << 2);
  const last = patchNumbers(w);
  const line = <usize>w.width * pixel, image = <usize>w.height * line;
  let y0 = nextRow(w, 0, -1);
  for (let y1 = nextRow(w, 0, y0); y1 != NONE; y0 = y1, y1 = nextRow(w, 0, y0)) {
    let x0 = nextCol(w, 0, -1);
    for (let x1 = nextCol(w, 0, x0); x1 != NONE; x0 = x1, x1 = nextCol(w, 0, x0)) {
      const start = source + <usize>y0 * line + <usize>x0 * pixel;
      sumPixels(wideChannels(w), images, y1 - y0, x1 - x0, start, pixel, line, image, room);
      for (let ky = 0; ky < w.kernelY; ky++) {
        for (let kx = 0; kx < w.kernelX; kx++) {
          if (!holds(w, ky, kx, 0, 0, y0, x0)) continue;
          let to = at(c + <usize>((ky * w.kernelX + kx) * w.channels) * strideC, last);
          for (let i = 0; i < w.channels; i++) {
            store<f32>(to, load<f32>(to) + scale * load<f32>(at(room, i)));
            to += strideC;
          }
        }
      }
    }
  }
}

/** out = sum of the pixels of a cell, channel by channel. */
function sumPixels(
  channels: i32,
  images: i32,
  rows: i32,
  cols: i32,
  source: usize,
  pixel: usize,
  line: usize,
  image: usize,
  out: usize,
): void {
  for (let j = 0; j < channels; j += 4) {
    let sum = f32x4.splat(0);
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < rows; y++) {
        let p = at(source, j) + <usize>n * image + <usize>y * line;
        for (let x = 0; x < cols; x++) {
          sum = f32x4.add(sum, v128.load(p));
          p += pixel;
        }
      }
    }
    v128.store(at(out, j), sum);
  }
}
