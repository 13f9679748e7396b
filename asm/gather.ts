// gather: the register tile of direct convolution, and the walk of tiles over images.
//
//   out[p, :] = panel[0, :] + sum over taps and numbers k of source[p + tap, k] panel[1 + tap k, :]
//
// A position p is an output pixel, a tap an offset that is the same for all positions; taps form a
// countY x countX grid with steps stepY and stepX in bytes, and each gives a run of contiguous
// numbers. So any stride, dilation and phase of a transposed convolution is the same loop. Where
// the taps of a row are neighbours they are one long run.
//
// Tile: TILE_ROWS positions (six, or five in the baseline build) x 8 outputs, kept in registers
// over all taps. The positions' addresses come from a table of uint32: for each tile the offsets of
// its positions into the source, then those into the output.
// Panel: 8 outputs; row 0 is where the sums start (the bias), then one row per number in the order
// of the taps. Order of summation: as they come, one sum per output.

import { fma, TILE_ROWS } from "./fma";
import { storeTail } from "./simd";

/** Outputs of a panel. */
export const OUTPUTS: i32 = 8;
/** Bytes of the source offsets of a tile, and of the output offsets that follow them. */
const OFFSETS: usize = <usize>TILE_ROWS << 2;

/** One convolution of a padded copy: where taps lie, and the prepared table and panels. */
@unmanaged
export class Gather {
  /** Rows and columns of the grid of taps. */
  countY: i32;
  countX: i32;
  /** Numbers per tap. */
  run: i32;
  stepY: usize;
  stepX: usize;
  /** Positions per image. */
  positions: i32;
  table: usize;
  panels: usize;
}

/** Numbers that meet in one output. */
@inline
export function depthOf(g: Gather): i32 {
  return g.countY * g.countX * g.run;
}

/** Bytes of the table for so many positions. */
@inline
export function tableBytes(positions: i32): usize {
  return <usize>((positions + TILE_ROWS - 1) / TILE_ROWS) * 2 * OFFSETS;
}

/** Bytes of all panels. */
@inline
export function panelsBytes(depth: i32, outputs: i32): usize {
  return <usize>((outputs + OUTPUTS - 1) / OUTPUTS * (depth + 1)) << 5;
}

/**
 * Fills a table for images of rows x cols positions, given the bytes from image to image, row to
 * row and position to position in the source and in the output. The last tile is filled up with
 * copies of its first position.
 */
export function fillTable(
  table: usize,
  images: i32,
  rows: i32,
  cols: i32,
  sourceImage: usize,
  sourceRow: usize,
  sourceCol: usize,
  outImage: usize,
  outRow: usize,
  outCol: usize,
): void {
  let lane: usize = 0;
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < rows; y++) {
      let source = <usize>n * sourceImage + <usize>y * sourceRow;
      let out = <usize>n * outImage + <usize>y * outRow;
      for (let x = 0; x < cols; x++) {
        store<u32>(table + lane, <u32>source);
        store<u32>(table + lane, <u32>out, OFFSETS);
        source += sourceCol;
        out += outCol;
        lane += 4;
        if (lane == OFFSETS) {
          lane = 0;
          table += 2 * OFFSETS;
        }
      }
    }
  }
  if (lane == 0) return;
  for (; lane < OFFSETS; lane += 4) store<u32>(table + lane, load<u32>(table));
}

/**
 * All tiles of `images` images that the table covers. `out` is where output 0 of position 0 goes.
 */
export function gather(g: Gather, images: i32, outputs: i32, source: usize, out: usize): void {
  const positions = images * g.positions;
  const panel = <usize>(depthOf(g) + 1) << 5;
  let b = g.panels;
  for (let j = 0; j < outputs; j += OUTPUTS) {
    const cols = min(OUTPUTS, outputs - j);
    let table = g.table;
    for (let p = 0; p < positions; p += TILE_ROWS) {
      gatherTile(g, table, source, b, out + (<usize>j << 2), min(TILE_ROWS, positions - p), cols);
      table += 2 * OFFSETS;
    }
    b += panel;
  }
}

/** Up to 8 outputs of one position. */
@inline
function put(out: usize, low: v128, high: v128, cols: i32): void {
  if (cols >= 4) {
    v128.store(out, low);
    if (cols == 8) v128.store(out, high, 16);
    else if (cols > 4) storeTail(out + 16, high, cols - 4);
  } else storeTail(out, low, cols);
}

function gatherTile(
  g: Gather,
  table: usize,
  source: usize,
  b: usize,
  out: usize,
  rows: i32,
  cols: i32,
): void {
  let a0 = source + load<u32>(table), a1 = source + load<u32>(table, 4);
  let a2 = source + load<u32>(table, 8), a3 = source + load<u32>(table, 12);
  let a4 = source + load<u32>(table, 16), a5: usize = 0;
  if (TILE_ROWS == 6) a5 = source + load<u32>(table, 20);
  let c00 = v128.load(b), c01 = v128.load(b, 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  let c40 = c00, c41 = c01, c50 = c00, c51 = c01;
  b += 32;
  const run = g.run, countX = g.countX, countY = g.countY;
  const nextX = g.stepX - (<usize>run << 2), nextY = g.stepY - <usize>countX * g.stepX;
  for (let y = 0; y < countY; y++) {
    for (let x = 0; x < countX; x++) {
      for (let k = 0; k < run; k++) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        let t = v128.load32_splat(a0);
        c00 = fma(t, b0, c00);
        c01 = fma(t, b1, c01);
        t = v128.load32_splat(a1);
        c10 = fma(t, b0, c10);
        c11 = fma(t, b1, c11);
        t = v128.load32_splat(a2);
        c20 = fma(t, b0, c20);
        c21 = fma(t, b1, c21);
        t = v128.load32_splat(a3);
        c30 = fma(t, b0, c30);
        c31 = fma(t, b1, c31);
        t = v128.load32_splat(a4);
        c40 = fma(t, b0, c40);
        c41 = fma(t, b1, c41);
        if (TILE_ROWS == 6) {
          t = v128.load32_splat(a5);
          c50 = fma(t, b0, c50);
          c51 = fma(t, b1, c51);
          a5 += 4;
        }
        a0 += 4;
        a1 += 4;
        a2 += 4;
        a3 += 4;
        a4 += 4;
        b += 32;
      }
      a0 += nextX;
      a1 += nextX;
      a2 += nextX;
      a3 += nextX;
      a4 += nextX;
      if (TILE_ROWS == 6) a5 += nextX;
    }
    a0 += nextY;
    a1 += nextY;
    a2 += nextY;
    a3 += nextY;
    a4 += nextY;
    if (TILE_ROWS == 6) a5 += nextY;
  }
  table += OFFSETS;
  put(out + load<u32>(table), c00, c01, cols);
  if (rows > 1) put(out + load<u32>(table, 4), c10, c11, cols);
  if (rows > 2) put(out + load<u32>(table, 8), c20, c21, cols);
  if (rows > 3) put(out + load<u32>(table, 12), c30, c31, cols);
  if (rows > 4) put(out + load<u32>(table, 16), c40, c41, cols);
  if (TILE_ROWS == 6 && rows > 5) put(out + load<u32>(table, 20), c50, c51, cols);
}
