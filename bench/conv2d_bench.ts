/** Convolutions of a ResNet20 at batch 64: forward, gradient of the images, gradient of the weights. */

import { benchKernels, type KernelBench, mustAgree } from "./_bench.ts";
import { BENCH_LAYERS, type BenchLayer, EXAMPLES, patchNumber } from "./_geometries.ts";

/** Entries that are checked. */
const CHECKED = 50;

function forward({ name, geometry, outputs, sizes }: BenchLayer): KernelBench {
  const { T, dIn } = sizes;
  return {
    name,
    verb: "conv2d",
    sizes,
    prepare: (matrices) => {
      const images = matrices.normal(
        EXAMPLES * geometry.height * geometry.width,
        geometry.channels,
      );
      const weights = matrices.normal(outputs, dIn);
      const out = matrices.backend.alloc(EXAMPLES * T, outputs);
      return {
        run: () => matrices.backend.conv2d(out, images, weights, geometry),
        verify: () => {
          const [x, w, y] = [images, weights, out].map((matrix) => matrices.read(matrix));
          for (let e = 0; e < CHECKED; e++) {
            const [row, o] = [(e * 997) % (EXAMPLES * T), (e * 11) % outputs];
            let sum = 0;
            for (let k = 0; k < dIn; k++) sum += patchNumber(x, geometry, row, k) * w[o * dIn + k];
            mustAgree(y[row * outputs + o], sum, dIn);
          }
        },
      };
    },
  };
}

/** Checked by adjointness: `<g, conv2d(x, W)> = <conv2dDataGradient(g, W), x>` without the bias. */
function dataGradient({ name, geometry, outputs, sizes }: BenchLayer): KernelBench {
  const { T, dIn } = sizes;
  return {
    name,
    verb: "conv2dDataGradient",
    sizes,
    prepare: (matrices) => {
      const pixels = EXAMPLES * geometry.height * geometry.width;
      const { backend } = matrices;
      const g = matrices.normal(EXAMPLES * T, outputs);
      const weights = matrices.normal(outputs, dIn);
      const out = backend.alloc(pixels, geometry.channels);
      return {
        run: () => backend.conv2dDataGradient(out, g, weights, geometry),
        verify: () => {
          using x = matrices.normal(pixels, geometry.channels);
          using y = backend.alloc(EXAMPLES * T, outputs);
          using products = backend.alloc(1, 2);
          const [left, right] = [0, 1].map((offset) => ({ ...products, offset, cols: 1 }));
          const plain = { ...geometry, bias: false };
          backend.conv2d(y, x, { ...weights, cols: dIn - 1 }, plain);
          backend.dot(left, g, y);
          backend.dot(right, out, x);
          const [expected, actual] = backend.readSync(products);
          mustAgree(actual, expected, Math.sqrt(EXAMPLES * T * outputs * dIn));
        },
      };
    },
  };
}

function weightGradient({ name, geometry, outputs, sizes }: BenchLayer): KernelBench {
  const { T, dIn } = sizes;
  return {
    name,
    verb: "conv2dWeightGradient",
    sizes,
    prepare: (matrices) => {
      const images = matrices.normal(
        EXAMPLES * geometry.height * geometry.width,
        geometry.channels,
      );
      const g = matrices.normal(EXAMPLES * T, outputs);
      const out = matrices.backend.alloc(outputs, dIn);
      return {
        run: () => matrices.backend.conv2dWeightGradient(out, images, g, geometry),
        verify: () => {
          const [x, y, w] = [images, g, out].map((matrix) => matrices.read(matrix));
          for (let e = 0; e < CHECKED; e++) {
            const [o, k] = [(e * 11) % outputs, (e * 7) % dIn];
            let sum = 0;
            for (let row = 0; row < EXAMPLES * T; row++) {
              sum += y[row * outputs + o] * patchNumber(x, geometry, row, k);
            }
            mustAgree(w[o * dIn + k], sum, EXAMPLES * T);
          }
        },
      };
    },
  };
}

benchKernels(BENCH_LAYERS.flatMap((layer) => [
  forward(layer),
  dataGradient(layer),
  weightGradient(layer),
]));
