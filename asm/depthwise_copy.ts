// What the kernels of convolutions with one channel a group share: copies of images with a border of zeros,
// channels repeated for their outputs and filled up to whole strips of eight, so that neither borders nor ends of
// rows need a test.

import { copyNumbers } from "./padded";
import { at, storeTail } from "./simd";
import { Window } from "./window";

/** Channels that are taken together. */
export const STRIP: i32 = 8;

/** Channels filled up to whole strips. */
@inline
export function padded(channels: i32): i32 {
  return (channels + STRIP - 1) & ~(STRIP - 1);
}

@inline
export function tapsOf(w: Window): i32 {
  return w.kernelY * w.kernelX;
}

/** Bytes of an image with its border. */
@inline
export function copyBytes(w: Window, outputs: i32): usize {
  return <usize>((w.height + 2 * w.paddingY) * (w.width + 2 * w.paddingX) * padded(outputs)) << 2;
}

/** Puts pixels, channels repeated, where they belong in a copy; `stride` in bytes. */
export function place(
  rows: i32,
  cols: i32,
  channels: i32,
  repeat: i32,
  out: usize,
  outRow: usize,
  outCol: usize,
  from: usize,
  stride: usize,
): void {
  for (let y = 0; y < rows; y++) {
    let p = out + <usize>y * outRow;
    for (let x = 0; x < cols; x++) {
      if (repeat == 1) copyNumbers(p, from, channels);
      else {
        for (let c = 0; c < channels; c++) {
          const value = load<f32>(at(from, c));
          for (let j = 0; j < repeat; j++) store<f32>(at(p, c * repeat + j), value);
        }
      }
      p += outCol;
      from += stride;
    }
  }
}

/** Stores the first `count` of eight numbers. */
@inline
export function put(out: usize, low: v128, high: v128, count: i32): void {
  if (count >= 4) {
    v128.store(out, low);
    if (count >= 8) v128.store(out, high, 16);
    else if (count > 4) storeTail(out + 16, high, count - 4);
  } else storeTail(out, low, count);
}
