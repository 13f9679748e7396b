/**
 * Convolutions.
 *
 * @module
 */

import {
  convGeometry,
  outHeight,
  outWidth,
  type Pair,
  resolveWindow,
  type SlidingWindow,
} from "../core/geometry.ts";
import { conv2d } from "../linalg/conv2d.ts";
import { type DenseMatrix, denseMatrix } from "../linalg/dense_matrix.ts";
import { averagePoolGradient } from "../linalg/pool.ts";
import type { ExampleShape } from "../nn/module.ts";
import { sequencePadding } from "../nn/sequence_padding.ts";
import { expect, type Site, type Stage, take } from "./stage.ts";

type Image = readonly [height: number, width: number, channels: number];

/** The same for every patch of an image. */
export function convolution(site: Site): Stage {
  expect(site.input.length === 3, site, "images");
  const { kernel, stride, padding, dilation } = site.options;
  const window = { kernel, stride, padding, dilation };
  return sliding(site, site.input as Image, window, (out) => out);
}

/** The same for every window of a sequence, an image one pixel high. */
export function convolution1d(site: Site): Stage {
  expect(site.input.length === 2, site, "sequences");
  const { kernel, stride, dilation, padding } = site.options;
  const [positions, channels] = site.input as readonly [number, number];
  const [front, behind] = sequencePadding(positions, { kernel, stride, dilation, padding });
  const length = front + positions + behind;
  const window = { kernel: [1, kernel], stride: [1, stride], dilation: [1, dilation] } as const;
  const { output, run } = sliding(site, [1, length, channels], window, ([, ...rest]) => rest);
  const size = positions * channels;
  return {
    output,
    run({ data }) {
      const padded = denseMatrix(data.length / size * length, channels);
      for (let from = 0, to = front; from < data.length; from += size, to += length) {
        padded.data.set(data.subarray(from, from + size), to * channels);
      }
      return run(padded);
    },
  };
}

/** A convolution of images with zeros between their pixels. */
export function transposedConvolution(site: Site): Stage {
  expect(site.input.length === 3, site, "images");
  const [height, width, channels] = site.input as Image;
  const pair = (value: number | Pair): Pair => typeof value === "number" ? [value, value] : value;
  const { kernel, stride, padding } = site.options;
  const [k, s, p] = [kernel, stride, padding].map(pair);
  expect(p.every((size, axis) => size < k[axis]), site, "padding below its window");
  const large = [(height - 1) * s[0] + 1, (width - 1) * s[1] + 1, channels] as const;
  const around = [k[0] - 1 - p[0], k[1] - 1 - p[1]] as const;
  const { output, run } = sliding(site, large, { kernel: k, padding: around }, (out) => out);
  const apart = windowOf(site, large, { kernel: 1, stride: s });
  return { output, run: (x) => run(averagePoolGradient(x, apart)) };
}

function windowOf(
  { name }: Site,
  image: Image,
  options: Parameters<typeof resolveWindow>[2],
): SlidingWindow {
  return resolveWindow(`Cannot run '${name}'`, image, options);
}

/** Weights that slide. */
function sliding(
  site: Site,
  image: Image,
  options: Parameters<typeof resolveWindow>[2],
  shape: (output: readonly number[]) => readonly number[],
): Stage {
  const { outChannels, bias, groups = 1 } = site.options;
  const whole = image[2] % groups === 0 && outChannels % groups === 0;
  expect(whole, site, `channels that ${groups} groups divide`);
  const window = windowOf(site, image, options);
  const length = window.kernel[0] * window.kernel[1] * image[2] / groups + +bias;
  const weights = take(site, `${site.name}.weights`, outChannels, length);
  const geometry = convGeometry(window, bias, groups);
  const output = shape([outHeight(window), outWidth(window), outChannels]);
  return {
    output: output as unknown as ExampleShape,
    run: (x: DenseMatrix) => conv2d(x, weights, geometry),
  };
}
