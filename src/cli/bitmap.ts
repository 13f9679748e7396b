/**
 * Images as `data:` addresses that every browser shows.
 *
 * @module
 */

import { type ImageDataset, inputSize } from "../data/dataset.ts";

/** Bytes of the two headers of a bitmap file. */
const HEADER = 54;

/** The n-th image of a data set as a bitmap file (BMP, 24 bits), in a `data:` address. */
export function bitmapOf({ images, shape }: ImageDataset, n: number): string {
  const [height, width, channels] = shape;
  // Rows begin at multiples of four bytes, the last one first, colours as blue, green, red.
  const stride = 4 * Math.ceil(3 * width / 4);
  const bytes = new Uint8Array(HEADER + stride * height);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x424d);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, HEADER, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  const scale = images instanceof Uint8Array ? 1 : 255;
  const from = n * inputSize({ shape });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const at = from + (y * width + x) * channels + (channels >= 3 ? 2 - c : 0);
        bytes[HEADER + (height - 1 - y) * stride + 3 * x + c] = Math.round(scale * images[at]);
      }
    }
  }
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`;
}
