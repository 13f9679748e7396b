/**
 * Second moments of per-example gradients in an eigenbasis: dense layers at batch 128, convolutions of
 * a ResNet20 at batch 64.
 */

import { benchKernels, type KernelBench, mustAgree } from "./_bench.ts";
import {
  BENCH_LAYERS,
  type BenchLayer,
  EXAMPLES as CONV_EXAMPLES,
  patchNumber,
} from "./_geometries.ts";

const EXAMPLES = 128;

const dense = ([dOut, dIn]: readonly [number, number]): KernelBench => ({
  name: `${EXAMPLES} of ${dOut}x${dIn}`,
  verb: "squaredProjection",
  sizes: { N: EXAMPLES, T: 1, dOut, dIn },
  prepare: (matrices) => {
    const { backend } = matrices;
    const [g, a] = [matrices.normal(EXAMPLES, dOut), matrices.normal(EXAMPLES, dIn)];
    const basis = { output: matrices.normal(dOut, dOut), input: matrices.normal(dIn, dIn) };
    const theta = backend.alloc(dOut, dIn);
    const capture = {
      kind: "dense",
      examples: EXAMPLES,
      inputs: a,
      outputGradients: g,
    } as const;
    return {
      run: () => backend.squaredProjection(theta, capture, basis),
      verify: () => {
        const [gs, as, qOut, qIn, out] = [g, a, basis.output, basis.input, theta]
          .map((matrix) => matrices.read(matrix));
        const [i, j] = [dOut >> 1, dIn >> 1];
        let sum = 0;
        for (let n = 0; n < EXAMPLES; n++) {
          let [p, r] = [0, 0];
          for (let k = 0; k < dOut; k++) p += gs[n * dOut + k] * qOut[k * dOut + i];
          for (let k = 0; k < dIn; k++) r += as[n * dIn + k] * qIn[k * dIn + j];
          sum += p * p * r * r;
        }
        mustAgree(out[i * dIn + j], sum, sum);
      },
    };
  },
});

const convolution = ({ name, geometry, outputs, sizes }: BenchLayer): KernelBench => ({
  name,
  verb: "squaredProjection",
  sizes,
  prepare: (matrices) => {
    const { backend } = matrices;
    const { T, dIn } = sizes;
    const images = matrices.normal(
      CONV_EXAMPLES * geometry.height * geometry.width,
      geometry.channels,
    );
    const outputGradients = matrices.normal(CONV_EXAMPLES * T, outputs);
    const basis = { output: matrices.normal(outputs, outputs), input: matrices.normal(dIn, dIn) };
    const theta = backend.alloc(outputs, dIn);
    const examples = CONV_EXAMPLES;
    const capture = { kind: "conv2d", examples, geometry, images, outputGradients } as const;
    return {
      run: () => backend.squaredProjection(theta, capture, basis),
      verify: () => {
        const [x, gs, qOut, qIn, out] = [
          images,
          outputGradients,
          basis.output,
          basis.input,
          theta,
        ].map((matrix) => matrices.read(matrix));
        const [i, j] = [outputs >> 1, dIn >> 1];
        let sum = 0;
        for (let n = 0; n < examples; n++) {
          let entry = 0;
          for (let row = n * T; row < (n + 1) * T; row++) {
            let [p, r] = [0, 0];
            for (let k = 0; k < outputs; k++) p += gs[row * outputs + k] * qOut[k * outputs + i];
            for (let k = 0; k < dIn; k++) r += patchNumber(x, geometry, row, k) * qIn[k * dIn + j];
            entry += p * r;
          }
          sum += entry ** 2;
        }
        mustAgree(out[i * dIn + j], sum, sum);
      },
    };
  },
});

benchKernels([
  ...([[10, 129], [256, 785], [512, 513]] as const).map(dense),
  ...BENCH_LAYERS.map(convolution),
]);
