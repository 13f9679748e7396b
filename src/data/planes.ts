/**
 * Image formats keep each colour in a plane of its own; the library keeps a pixel's colours together.
 *
 * @module
 */

/** How far apart neighbours lie in a file, in bytes. */
export interface PlaneStrides {
  /** From a pixel to the one below. */
  readonly row: number;
  /** From a pixel to the one at its right. */
  readonly column: number;
  /** From a colour of a pixel to the next colour. */
  readonly channel: number;
}

/** Writes one image channels-last, [height * width * channels], into `out` from `start` on. */
export function channelsLast(
  out: Uint8Array,
  start: number,
  planes: Uint8Array,
  [height, width, channels]: readonly [height: number, width: number, channels: number],
  strides: PlaneStrides,
): void {
  let place = start;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * strides.row + x * strides.column;
      for (let c = 0; c < channels; c++) out[place++] = planes[pixel + c * strides.channel];
    }
  }
}
