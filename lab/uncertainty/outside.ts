/**
 * Images of another kind, as a model takes them.
 *
 * @module
 */

import { createDataset, examplesIn, type ImageDataset } from "@tekfac/tekfac/data";

/**
 * Images in the shape of others, and normalized like them: their middle, with black around what is too small; grey is
 * the mean of the channels, and every channel of what was grey the same.
 */
export function fitted(data: ImageDataset, like: ImageDataset): ImageDataset {
  const [height, width, channels] = like.shape;
  const [h, w, c] = data.shape;
  const [top, left] = [Math.floor((h - height) / 2), Math.floor((w - width) / 2)];
  const size = height * width * channels;
  const unit = data.images instanceof Uint8Array ? 255 : 1;
  const images = new Float32Array(examplesIn(data) * size);
  for (let at = 0; at < images.length; at++) {
    const pixel = Math.floor(at % size / channels);
    const [y, x] = [top + Math.floor(pixel / width), left + pixel % width];
    if (y < 0 || y >= h || x < 0 || x >= w) continue;
    const from = ((Math.floor(at / size) * h + y) * w + x) * c;
    if (c === channels) images[at] = data.images[from + at % channels] / unit;
    else {
      for (let k = 0; k < c; k++) images[at] += data.images[from + k] / (unit * c);
    }
  }
  const { labels, classes, source } = data;
  const { shape, normalization } = like;
  const fields = { images, labels, classes, source, shape };
  return createDataset(normalization === undefined ? fields : { ...fields, normalization });
}
