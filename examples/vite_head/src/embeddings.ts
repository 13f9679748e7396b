/**
 * Stands for a pretrained network: 1,280 random features of an image, the same in page and worker. Yours would be the
 * last layer but one of a network that somebody has trained, by onnxruntime-web for example.
 */
import { Random } from "@tekfac/tekfac/core";

export const FEATURES = 1280;
const PIXELS = 28 * 28;

const random = new Random(7);
const weights = Float32Array.from({ length: FEATURES * PIXELS }, () => random.normal() / 5);

/** Features of images of 28 x 28 pixels, one after the other. */
export function embeddings(images: ArrayLike<number>): Float32Array {
  const count = images.length / PIXELS;
  const out = new Float32Array(count * FEATURES);
  for (let n = 0; n < count; n++) {
    for (let f = 0; f < FEATURES; f++) {
      let sum = 0;
      for (let i = 0; i < PIXELS; i++) sum += weights[f * PIXELS + i] * images[n * PIXELS + i];
      out[n * FEATURES + f] = Math.max(0, sum);
    }
  }
  return out;
}
