/**
 * The convolutions of a ResNet20 at batch 64, and what their results are checked with.
 *
 * @module
 */

import { type ConvGeometry, locationsOf, outWidth, patchLength } from "@tekfac/tekfac/core";

/** Number of images. */
export const EXAMPLES = 64;

/** One layer. */
export interface BenchLayer {
  /** `"16x32x32 -> 16, 3x3 stride 1"`. */
  readonly name: string;
  /** How patches are cut. */
  readonly geometry: ConvGeometry;
  /** dOut. */
  readonly outputs: number;
  /** Values of the letters of the kernel table. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Channels, height and width, outputs, kernel and stride of each layer. */
const LAYERS: readonly (readonly [number, number, number, number, number])[] = [
  [16, 32, 16, 3, 1],
  [32, 16, 32, 3, 1],
  [64, 8, 64, 3, 1],
  [16, 32, 32, 3, 2],
  [32, 16, 64, 3, 2],
  [16, 32, 32, 1, 2],
  [32, 16, 64, 1, 2],
  [64, 8, 64, 1, 1],
];

/** The layers. */
export const BENCH_LAYERS: readonly BenchLayer[] = LAYERS.map(
  ([channels, size, outputs, kernel, stride]) => {
    const padding = (kernel - 1) / 2;
    const geometry: ConvGeometry = {
      channels,
      height: size,
      width: size,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [1, 1],
      bias: true,
    };
    return {
      name: `${channels}x${size}x${size} -> ${outputs}, ${kernel}x${kernel} stride ${stride}`,
      geometry,
      outputs,
      sizes: {
        N: EXAMPLES,
        T: locationsOf(geometry),
        dIn: patchLength(geometry),
        dOut: outputs,
      },
    };
  },
);

/** Number k of the patch at location `row`, counted over the whole batch, in the stored order. */
export function patchNumber(
  images: ArrayLike<number>,
  g: ConvGeometry,
  row: number,
  k: number,
): number {
  if (k === g.kernel[0] * g.kernel[1] * g.channels) return 1;
  const [tap, channel] = [Math.floor(k / g.channels), k % g.channels];
  const [example, location] = [Math.floor(row / locationsOf(g)), row % locationsOf(g)];
  const y = Math.floor(location / outWidth(g)) * g.stride[0] - g.padding[0] +
    Math.floor(tap / g.kernel[1]) * g.dilation[0];
  const x = (location % outWidth(g)) * g.stride[1] - g.padding[1] +
    (tap % g.kernel[1]) * g.dilation[1];
  if (y < 0 || y >= g.height || x < 0 || x >= g.width) return 0;
  return images[((example * g.height + y) * g.width + x) * g.channels + channel];
}
