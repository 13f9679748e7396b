/**
 * Elementwise verbs, losses and sums on a batch of 512 x 784; memory is their limit, not
 * arithmetic.
 */

import type { Matrix } from "@tekfac/tekfac/core";
import type { Verbs } from "@tekfac/tekfac/backend";
import { benchKernels, type BenchMatrices, type KernelBench, mustAgree } from "./_bench.ts";

const [ROWS, COLS] = [512, 784];

type Call = (matrices: BenchMatrices, out: Matrix, x: Matrix, y: Matrix) => void;

/** A verb on matrices of normal numbers; `expected` is what the first entry must become. */
function elementwise(
  verb: keyof Verbs,
  name: string,
  call: Call,
  expected: (x: number, y: number) => number,
): KernelBench {
  return {
    name,
    verb,
    sizes: { m: ROWS, n: COLS, k: ROWS, l: COLS },
    prepare: (matrices) => {
      const [x, y] = [matrices.normal(ROWS, COLS), matrices.normal(ROWS, COLS)];
      const out = matrices.backend.alloc(ROWS, COLS);
      return {
        run: () => call(matrices, out, x, y),
        verify: () => {
          const [actual, xs, ys] = [out, x, y].map((matrix) => matrices.read(matrix));
          for (let i = 0; i < 100; i++) mustAgree(actual[i], expected(xs[i], ys[i]), 4);
        },
      };
    },
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

benchKernels([
  elementwise("axpby", "plain", ({ backend }, out, x) => backend.axpby(out, 2, x, 0), (x) => 2 * x),
  elementwise(
    "takeStep",
    "with decay",
    ({ backend }, out, x, y) => {
      backend.axpby(out, 1, x, 0);
      backend.takeStep(out, 0.5, y, 0.25, COLS);
    },
    (x, y) => 0.75 * x - 0.5 * y,
  ),
  elementwise(
    "activation",
    "relu",
    ({ backend }, out, x) => backend.activation("relu", out, x),
    (x) => Math.max(x, 0),
  ),
  elementwise(
    "activation",
    "tanh",
    ({ backend }, out, x) => backend.activation("tanh", out, x),
    Math.tanh,
  ),
  elementwise(
    "activation",
    "sigmoid",
    ({ backend }, out, x) => backend.activation("sigmoid", out, x),
    sigmoid,
  ),
  elementwise(
    "activationGradient",
    "tanh",
    ({ backend }, out, y, g) => backend.activationGradient("tanh", out, y, g),
    (y, g) => g * (1 - y * y),
  ),
  elementwise("squares", "plain", ({ backend }, out, x) => backend.squares(out, x), (x) => x * x),
  {
    name: "sigmoid cross-entropy",
    verb: "loss",
    sizes: { N: ROWS, K: COLS },
    prepare: (matrices) => {
      const [z, targets] = [matrices.normal(ROWS, COLS), matrices.normal(ROWS, COLS)];
      const [losses, gradients] = [
        matrices.backend.alloc(1, ROWS),
        matrices.backend.alloc(ROWS, COLS),
      ];
      return {
        run: () => matrices.backend.loss("sigmoidCrossEntropy", losses, gradients, z, targets),
        verify: () => {
          const [g, x, y] = [gradients, z, targets].map((matrix) => matrices.read(matrix));
          for (let i = 0; i < 100; i++) mustAgree(g[i], sigmoid(x[i]) - y[i], 4);
        },
      };
    },
  },
  {
    name: "plain",
    verb: "dot",
    sizes: { m: ROWS, n: COLS },
    prepare: (matrices) => {
      const [x, y] = [matrices.normal(ROWS, COLS), matrices.normal(ROWS, COLS)];
      const out = matrices.backend.alloc(1, 1);
      return {
        run: () => matrices.backend.dot(out, x, y),
        verify: () => {
          const [a, b] = [x, y].map((matrix) => matrices.read(matrix));
          let sum = 0;
          for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
          mustAgree(matrices.read(out)[0], sum, 1000);
        },
      };
    },
  },
]);
