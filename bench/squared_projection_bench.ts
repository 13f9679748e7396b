/** Second moments of per-example gradients of dense layers in an eigenbasis, batch 128. */

import { benchKernels, mustAgree } from "./_bench.ts";

const EXAMPLES = 128;

benchKernels([[10, 129], [256, 785], [512, 513]].map(([dOut, dIn]) => ({
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
})));
