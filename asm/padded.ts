// Copies of images with a border of zeros, so that a window may leave the image without a test.
//
// A copy holds image after image, row after row, pixel after pixel, all contiguous: pixel (y, x) of
// the image is pixel (y + top, x + left) of the copy.

/** Copies `count` numbers. */
export function copyNumbers(out: usize, from: usize, count: i32): void {
  const end = from + (<usize>count << 2);
  for (; from + 16 <= end; from += 16, out += 16) v128.store(out, v128.load(from));
  for (; from < end; from += 4, out += 4) store<f32>(out, load<f32>(from));
}

/** Copies images of `stride` bytes per pixel; borders are >= 0. */
export function copyBordered(
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  left: i32,
  bottom: i32,
  right: i32,
  out: usize,
  from: usize,
  stride: usize,
): void {
  const pixel = <usize>channels << 2;
  const before = <usize>left * pixel, after = <usize>right * pixel;
  const line = <usize>width * pixel, row = before + line + after;
  for (let n = 0; n < images; n++) {
    memory.fill(out, 0, <usize>top * row);
    out += <usize>top * row;
    for (let y = 0; y < height; y++) {
      memory.fill(out, 0, before);
      out += before;
      if (stride == pixel) {
        memory.copy(out, from, line);
        out += line;
        from += line;
      } else {
        for (let x = 0; x < width; x++) {
          copyNumbers(out, from, channels);
          out += pixel;
          from += stride;
        }
      }
      memory.fill(out, 0, after);
      out += after;
    }
    memory.fill(out, 0, <usize>bottom * row);
    out += <usize>bottom * row;
  }
}
