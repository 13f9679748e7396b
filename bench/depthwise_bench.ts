/** Convolutions with groups, as mobile networks have them, at batch 64; and the curvature of depthwise ones. */

import { depthwiseVerbs } from "@tekfac/tekfac/backend";
import { type ConvGeometry, locationsOf, outWidth, patchLength } from "@tekfac/tekfac/core";
import { benchKernels, type BenchMatrices, type KernelBench, mustAgree } from "./_bench.ts";
import { EXAMPLES } from "./_geometries.ts";

/** Entries that are checked. */
const CHECKED = 30;

/** Channels, height and width, groups, stride; as many outputs as channels, windows of 3 x 3 pixels. */
const LAYERS: readonly (readonly [number, number, number, number])[] = [
  [96, 32, 96, 1],
  [96, 32, 96, 2],
  [192, 16, 192, 1],
  [384, 8, 384, 1],
  [64, 16, 4, 1],
  [64, 16, 16, 1],
];

interface Layer {
  readonly name: string;
  readonly geometry: ConvGeometry;
  readonly sizes: Readonly<Record<string, number>>;
}

const layers = LAYERS.map(([channels, size, groups, stride]): Layer => {
  const geometry: ConvGeometry = {
    channels,
    height: size,
    width: size,
    kernel: [3, 3],
    stride: [stride, stride],
    padding: [1, 1],
    dilation: [1, 1],
    bias: true,
    groups,
  };
  const [T, dIn] = [locationsOf(geometry), patchLength(geometry)];
  return {
    name: `${channels}x${size}x${size} in ${groups} groups, stride ${stride}`,
    geometry,
    sizes: { N: EXAMPLES, T, C: channels, h: size, w: size, dIn, dOut: channels },
  };
});

/** Number k of the patch that output o sees at a row: (kernel row, kernel column, channel), and 1. */
function seen(x: ArrayLike<number>, g: ConvGeometry, row: number, o: number, k: number): number {
  const each = g.channels / g.groups!;
  const taps = g.kernel[0] * g.kernel[1];
  if (k === taps * each) return 1;
  const T = locationsOf(g), columns = outWidth(g);
  const [n, t, tap] = [Math.floor(row / T), row % T, Math.floor(k / each)];
  const y = Math.floor(t / columns) * g.stride[0] - g.padding[0] + Math.floor(tap / g.kernel[1]);
  const z = t % columns * g.stride[1] - g.padding[1] + tap % g.kernel[1];
  if (y < 0 || z < 0 || y >= g.height || z >= g.width) return 0;
  const channel = Math.floor(o / each) * each + k % each;
  return x[((n * g.height + y) * g.width + z) * g.channels + channel];
}

/** Matrices of a layer. */
function matricesOf(matrices: BenchMatrices, { geometry: g, sizes: { T, dIn } }: Layer) {
  matrices.backend.extend(depthwiseVerbs);
  return {
    images: matrices.normal(EXAMPLES * g.height * g.width, g.channels),
    outputs: matrices.normal(EXAMPLES * T, g.channels),
    weights: matrices.normal(g.channels, dIn),
  };
}

/** Calls `check` with places that are spread over a matrix. */
function spread(rows: number, cols: number, check: (row: number, col: number) => void): void {
  for (let e = 0; e < CHECKED; e++) check(e * 997 % rows, e * 11 % cols);
}

function forward(layer: Layer): KernelBench {
  const { geometry, sizes: { T, dIn }, sizes, name } = layer;
  const prepare = (matrices: BenchMatrices) => {
    const { images, outputs, weights } = matricesOf(matrices, layer);
    return {
      run: () => matrices.backend.conv2d(outputs, images, weights, geometry),
      verify() {
        const [x, w, y] = [images, weights, outputs].map(matrices.read);
        spread(EXAMPLES * T, geometry.channels, (row, o) => {
          let sum = 0;
          for (let k = 0; k < dIn; k++) sum += seen(x, geometry, row, o, k) * w[o * dIn + k];
          mustAgree(y[row * geometry.channels + o], sum, dIn);
        });
      },
    };
  };
  return { name, verb: "conv2d", sizes, prepare };
}

/** Checked by adjointness: `<g, conv2d(x, W)> = <conv2dDataGradient(g, W), x>` with biases of zero. */
function dataGradient(layer: Layer): KernelBench {
  const { geometry, sizes: { T, dIn }, sizes, name } = layer;
  const prepare = (matrices: BenchMatrices) => {
    const { backend } = matrices;
    const { images, outputs: g, weights } = matricesOf(matrices, layer);
    return {
      run: () => backend.conv2dDataGradient(images, g, weights, geometry),
      verify() {
        using x = matrices.normal(images.rows, images.cols);
        using y = backend.alloc(g.rows, g.cols);
        using products = backend.alloc(1, 2);
        const [left, right] = [0, 1].map((offset) => ({ ...products, offset, cols: 1 }));
        backend.conv2d(y, x, { ...weights, cols: dIn - 1 }, { ...geometry, bias: false });
        backend.dot(left, g, y);
        backend.dot(right, images, x);
        const [expected, actual] = backend.readSync(products);
        mustAgree(actual, expected, Math.sqrt(EXAMPLES * T * geometry.channels * dIn));
      },
    };
  };
  return { name, verb: "conv2dDataGradient", sizes, prepare };
}

function weightGradient(layer: Layer): KernelBench {
  const { geometry, sizes: { T, dIn }, sizes, name } = layer;
  const prepare = (matrices: BenchMatrices) => {
    const { images, outputs: g, weights } = matricesOf(matrices, layer);
    return {
      run: () => matrices.backend.conv2dWeightGradient(weights, images, g, geometry),
      verify() {
        const [x, y, w] = [images, g, weights].map(matrices.read);
        spread(geometry.channels, dIn, (o, k) => {
          let sum = 0;
          for (let row = 0; row < EXAMPLES * T; row++) {
            sum += y[row * geometry.channels + o] * seen(x, geometry, row, o, k);
          }
          mustAgree(w[o * dIn + k], sum, EXAMPLES * T);
        });
      },
    };
  };
  return { name, verb: "conv2dWeightGradient", sizes, prepare };
}

function secondMoment(layer: Layer): KernelBench {
  const { geometry, sizes: { T, dIn: d }, sizes, name } = layer;
  const prepare = (matrices: BenchMatrices) => {
    const { images, outputs: weights } = matricesOf(matrices, layer);
    const c = matrices.backend.alloc(geometry.channels * d, d);
    return {
      run: () => matrices.backend.depthwiseSecondMoment(c, images, geometry, { weights }),
      verify() {
        const [x, w, y] = [images, weights, c].map(matrices.read);
        spread(geometry.channels * d, d, (at, l) => {
          const channel = Math.floor(at / d);
          let sum = 0;
          for (let row = 0; row < EXAMPLES * T; row++) {
            const weight = w[row * geometry.channels + channel];
            const one = seen(x, geometry, row, channel, at % d);
            sum += weight * one * seen(x, geometry, row, channel, l);
          }
          mustAgree(y[at * d + l], sum, EXAMPLES * T);
        });
      },
    };
  };
  return { name, verb: "depthwiseSecondMoment", sizes, prepare };
}

function squaredProjection(layer: Layer): KernelBench {
  const { geometry, sizes: { T, dIn: d }, sizes, name } = layer;
  const prepare = (matrices: BenchMatrices) => {
    const { images, outputs: outputGradients } = matricesOf(matrices, layer);
    const capture = {
      kind: "conv2d",
      examples: EXAMPLES,
      geometry,
      images,
      outputGradients,
    } as const;
    const basis = matrices.normal(geometry.channels * d, d);
    const theta = matrices.backend.alloc(geometry.channels, d);
    return {
      run: () => matrices.backend.depthwiseSquaredProjection(theta, capture, basis),
      verify() {
        const [x, g, q, y] = [images, outputGradients, basis, theta].map(matrices.read);
        spread(geometry.channels, d, (channel, i) => {
          let sum = 0;
          for (let n = 0; n < EXAMPLES; n++) {
            let along = 0;
            for (let row = n * T; row < (n + 1) * T; row++) {
              for (let k = 0; k < d; k++) {
                const number = seen(x, geometry, row, channel, k) * q[(channel * d + k) * d + i];
                along += g[row * geometry.channels + channel] * number;
              }
            }
            sum += along ** 2;
          }
          mustAgree(y[channel * d + i], sum, EXAMPLES * T * d);
        });
      },
    };
  };
  return { name, verb: "depthwiseSquaredProjection", sizes, prepare };
}

benchKernels(layers.flatMap((layer) => {
  const { groups, channels } = layer.geometry;
  return [
    ...[forward, dataGradient, weightGradient].map((bench) => bench(layer)),
    ...(groups === channels ? [secondMoment, squaredProjection] : []).map((bench) => bench(layer)),
  ];
}));
