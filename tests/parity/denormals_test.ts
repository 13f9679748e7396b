import assert from "#assert";
import type { Backend, Blend } from "@tekfac/tekfac/backend";
import {
  type ConvCapture,
  type ConvGeometry,
  locationsOf,
  type Matrix,
  patchLength,
} from "@tekfac/tekfac/core";
import { wasmBackend } from "./_parity.ts";

/** The smallest float32 that is not denormal. */
const SMALLEST_NORMAL = 2 ** -126;

const GEOMETRY: ConvGeometry = {
  channels: 3,
  height: 4,
  width: 4,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
};
const [EXAMPLES, OUTPUTS] = [2, 5];
const [PIXELS, LOCATIONS, INPUTS] = [
  GEOMETRY.height * GEOMETRY.width,
  locationsOf(GEOMETRY),
  patchLength(GEOMETRY),
];

/** Continues an average `out` with an observation of zeros; `zeros(rows, cols)` makes inputs. */
interface Average {
  readonly rows: number;
  readonly cols: number;
  readonly observe: (
    backend: Backend,
    out: Matrix,
    zeros: (rows: number, cols: number) => Matrix,
    blend: Blend,
  ) => void;
}

/** Captures of a convolution whose images and gradients are zero. */
function convCapture(zeros: (rows: number, cols: number) => Matrix): ConvCapture {
  return {
    kind: "conv2d",
    examples: EXAMPLES,
    geometry: GEOMETRY,
    images: zeros(EXAMPLES * PIXELS, GEOMETRY.channels),
    outputGradients: zeros(EXAMPLES * LOCATIONS, OUTPUTS),
  };
}

const AVERAGES: Readonly<Record<string, Average>> = {
  axpby: {
    rows: 3,
    cols: 7,
    observe: (backend, out, zeros, { decay = 0 }) => backend.axpby(out, 1, zeros(3, 7), decay),
  },
  squares: {
    rows: 3,
    cols: 7,
    observe: (backend, out, zeros, blend) => backend.squares(out, zeros(3, 7), blend),
  },
  "adamDirection, first moment": {
    rows: 3,
    cols: 7,
    observe: (backend, out, zeros, { decay = 0 }) => {
      const numbers = { beta1: decay, beta2: decay, epsilon: 1e-8, count: 1 };
      backend.adamDirection(zeros(3, 7), out, zeros(3, 7), zeros(3, 7), numbers);
    },
  },
  "adamDirection, second moment": {
    rows: 3,
    cols: 7,
    observe: (backend, out, zeros, { decay = 0 }) => {
      const numbers = { beta1: decay, beta2: decay, epsilon: 1e-8, count: 1 };
      backend.adamDirection(zeros(3, 7), zeros(3, 7), out, zeros(3, 7), numbers);
    },
  },
  secondMoment: {
    rows: 7,
    cols: 7,
    observe: (backend, out, zeros, blend) => backend.secondMoment(out, zeros(4, 7), blend),
  },
  patchSecondMoment: {
    rows: INPUTS - 1,
    cols: INPUTS - 1,
    observe: (backend, out, zeros, blend) => {
      const images = zeros(EXAMPLES * PIXELS, GEOMETRY.channels);
      backend.patchSecondMoment(out, images, { ...GEOMETRY, bias: false }, blend);
    },
  },
  "squaredProjection, dense": {
    rows: 3,
    cols: 7,
    observe: (backend, out, zeros, blend) => {
      const [inputs, outputGradients] = [zeros(EXAMPLES, 7), zeros(EXAMPLES, 3)];
      const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
      backend.squaredProjection(out, capture, undefined, blend);
    },
  },
  "squaredProjection, convolution": {
    rows: OUTPUTS,
    cols: INPUTS,
    observe: (backend, out, zeros, blend) => {
      backend.squaredProjection(out, convCapture(zeros), undefined, blend);
    },
  },
  "projectedMoments, dense": {
    rows: 3,
    cols: 4,
    observe: (backend, out, zeros, blend) => {
      const [inputs, outputGradients] = [zeros(EXAMPLES, 7), zeros(EXAMPLES, 3)];
      const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
      backend.projectedMoments(out, capture, { output: zeros(2, 3), input: zeros(3, 7) }, blend);
    },
  },
  "projectedMoments, convolution": {
    rows: 3,
    cols: 4,
    observe: (backend, out, zeros, blend) => {
      const basis = { output: zeros(2, OUTPUTS), input: zeros(3, INPUTS) };
      backend.projectedMoments(out, convCapture(zeros), basis, blend);
    },
  },
  conv2dWeightGradient: {
    rows: OUTPUTS,
    cols: INPUTS,
    observe: (backend, out, zeros, blend) => {
      const { images, outputGradients } = convCapture(zeros);
      backend.conv2dWeightGradient(out, images, outputGradients, GEOMETRY, blend);
    },
  },
};

for (const simd of ["relaxed", "baseline"] as const) {
  for (const [name, { rows, cols, observe }] of Object.entries(AVERAGES)) {
    Deno.test(`${name}: averages never decay into the denormal range [wasm ${simd}]`, () => {
      using wasm = wasmBackend(simd);
      using out = wasm.alloc(rows, cols);
      // From 1e-36 down to 1e-38, symmetric where the average is.
      const values = Float32Array.from(
        { length: rows * cols },
        (_, k) => 10 ** (-36 - (Math.floor(k / cols) + k % cols) / (rows + cols)),
      );
      wasm.write(out, values);
      for (let step = 0; step < 60; step++) {
        wasm.scope(() => {
          const zeros = (rows: number, cols: number): Matrix => {
            const m = wasm.scratch(rows, cols);
            wasm.write(m, new Float32Array(rows * cols));
            return m;
          };
          observe(wasm, out, zeros, { decay: 0.9 });
        });
        const denormal = wasm.readSync(out).find((x) => x !== 0 && Math.abs(x) < SMALLEST_NORMAL);
        assert.equal(denormal, undefined, `step ${step}: ${denormal}`);
      }
      assert.ok(wasm.readSync(out).every((x) => x === 0), "nothing is left in the end");
    });
  }
}
