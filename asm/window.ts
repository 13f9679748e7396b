// How a window slides over channels-last images: a record that the host writes into memory.

/** Twelve int32 in this order; the same names as in src/core/geometry.ts. */
@unmanaged
export class Window {
  channels: i32;
  height: i32;
  width: i32;
  kernelY: i32;
  kernelX: i32;
  strideY: i32;
  strideX: i32;
  paddingY: i32;
  paddingX: i32;
  dilationY: i32;
  dilationX: i32;
  /** 1 when a patch ends with the homogeneous coordinate. */
  bias: i32;
}

/** Rows of the output. */
@inline
export function outHeight(w: Window): i32 {
  return (w.height + 2 * w.paddingY - w.dilationY * (w.kernelY - 1) - 1) / w.strideY + 1;
}

/** Columns of the output. */
@inline
export function outWidth(w: Window): i32 {
  return (w.width + 2 * w.paddingX - w.dilationX * (w.kernelX - 1) - 1) / w.strideX + 1;
}

/** T, locations per image. */
@inline
export function locationsOf(w: Window): i32 {
  return outHeight(w) * outWidth(w);
}

/** Length of a patch without the homogeneous coordinate. */
@inline
export function patchNumbers(w: Window): i32 {
  return w.kernelY * w.kernelX * w.channels;
}

/**
 * Images worked on together: so many that small images fill the tiles, so few that they stay in the
 * second cache.
 */
@inline
export function imagesPerBlock(examples: i32, locations: i32): i32 {
  return max(1, min(examples, (384 + locations - 1) / max(1, locations)));
}

/** Bytes of one image with its padding, all pixels contiguous. */
@inline
export function paddedBytes(w: Window): usize {
  const rows = w.height + 2 * w.paddingY, cols = w.width + 2 * w.paddingX;
  return <usize>(rows * cols * w.channels) << 2;
}
