import assert from "#assert";
import fc from "#fast-check";
import { type ConvGeometry, patchLength, Random, resolveWindow } from "@tekfac/tekfac/core";
import {
  conv2d,
  conv2dDataGradient,
  conv2dWeightGradient,
  denseMatrix,
  dot,
  patches,
  unpatches,
} from "@tekfac/tekfac/linalg";
import { allClose, describeGeometry, randomGeometry, randomMatrix } from "@tekfac/tekfac/testing";

const EXAMPLES = 2;

function geometryOf(
  image: [number, number, number],
  options: Parameters<typeof resolveWindow>[2],
  bias = false,
): ConvGeometry {
  return { ...resolveWindow("Cannot convolve", image, options), bias };
}

Deno.test("conv2d() correlates a 3 x 3 image with a 2 x 2 kernel, bias last", () => {
  const image = denseMatrix(9, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const weights = denseMatrix(1, 5, [1, 0, 0, -1, 10]);
  const out = conv2d(image, weights, geometryOf([3, 3, 1], { kernel: 2 }, true));
  assert.deepEqual([...out.data], [6, 6, 6, 6]);
});

Deno.test("conv2d() steps by the stride, pads with zeros and spreads by the dilation", () => {
  const row = denseMatrix(5, 1, [1, 2, 3, 4, 5]);
  const weights = denseMatrix(1, 2, [1, 10]);
  const run = (options: Parameters<typeof resolveWindow>[2]): number[] => [
    ...conv2d(row, weights, geometryOf([1, 5, 1], options)).data,
  ];
  assert.deepEqual(run({ kernel: [1, 2], stride: [1, 2] }), [21, 43]);
  assert.deepEqual(run({ kernel: [1, 2], padding: [0, 1] }), [10, 21, 32, 43, 54, 5]);
  assert.deepEqual(run({ kernel: [1, 2], dilation: [1, 3] }), [41, 52]);
});

Deno.test("patches() lays channels inside a pixel, pixels inside a row", () => {
  const image = denseMatrix(4, 2, [1, 2, 3, 4, 5, 6, 7, 8]);
  const cut = patches(image, geometryOf([2, 2, 2], { kernel: 2 }, true));
  assert.deepEqual([...cut.data], [1, 2, 3, 4, 5, 6, 7, 8, 1]);
});

Deno.test("unpatches() is the adjoint of patches(): <patches x, y> = <x, unpatches y>", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const geometry = { ...randomGeometry(random), bias: false };
      const { height, width, channels } = geometry;
      const x = randomMatrix(random, EXAMPLES * height * width, channels);
      const cut = patches(x, geometry);
      const y = randomMatrix(random, cut.rows, cut.cols);
      const terms = y.data.length;
      allClose([dot(cut, y)], [dot(x, unpatches(y, geometry))], {
        absolute: 16 * Number.EPSILON * terms,
        label: describeGeometry(geometry),
      });
    }),
    { seed: 2 },
  );
});

Deno.test("conv2d() gradients equal finite differences in both arguments", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const geometry = randomGeometry(random, 2);
      const { height, width, channels } = geometry;
      const images = randomMatrix(random, EXAMPLES * height * width, channels);
      const weights = randomMatrix(random, 3, patchLength(geometry));
      const out = conv2d(images, weights, geometry);
      const g = randomMatrix(random, out.rows, out.cols);
      const value = (): number => dot(conv2d(images, weights, geometry), g);
      const differences = (numbers: Float64Array): Float64Array =>
        numbers.map((number, i) => {
          numbers[i] = number + 0.5;
          const above = value();
          numbers[i] = number - 0.5;
          const below = value();
          numbers[i] = number;
          return above - below;
        });
      // The value is linear in each argument, so differences are exact up to rounding.
      const absolute = 64 * Number.EPSILON * g.data.length * patchLength(geometry);
      const label = describeGeometry(geometry);
      const data = conv2dDataGradient(g, weights, geometry);
      allClose(data.data, differences(images.data), { absolute, label });
      const weight = conv2dWeightGradient(images, g, geometry);
      allClose(weight.data, differences(weights.data), { absolute, label });
    }),
    { seed: 3, numRuns: 30 },
  );
});
