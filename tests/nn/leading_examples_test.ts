import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import {
  type Capture,
  type DenseCapture,
  type ElementsCapture,
  leadingExamples,
  type Matrix,
  Random,
  rowsOf,
} from "@tekfac/tekfac/core";
import {
  averagePool2d,
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  flatten,
  globalAveragePool2d,
  type LayerSpec,
  maxPool2d,
  objective,
  relu,
  residual,
  type Sequential,
  sequential,
  sigmoid,
  softmaxCrossEntropy,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { normal, onReference, scratchOf } from "./_harness.ts";

const EXAMPLES = 5;
const LEADING = 2;
const INPUT = [6, 5, 2] as const;
const PIXELS = 6 * 5 * 2;
const OUTPUTS = 3;

const layersOf: Readonly<Record<string, readonly LayerSpec[]>> = {
  "layers without mixing": [
    conv2d(3, { kernel: 3, padding: 1, stride: [2, 1] }),
    relu(),
    residual([conv2d(3, { kernel: 1 }), tanh()]),
    maxPool2d({ kernel: 2, stride: 1 }),
    dropout(0.3),
    residual([conv2d(4, { kernel: 1, stride: 2 })]),
    averagePool2d({ kernel: [1, 2] }),
    flatten(),
    dense(4),
    sigmoid(),
    dense(OUTPUTS),
  ],
  // One, in front: what goes on to the other examples through its moments is not followed further.
  "batch normalisation": [
    residual([batchNorm2d(), relu()]),
    conv2d(3, { kernel: 3, bias: false }),
    globalAveragePool2d(),
    dense(OUTPUTS),
  ],
};

const modelOf = (backend: Backend, layers: readonly LayerSpec[]): Sequential =>
  sequential(backend, { input: INPUT, layers, seed: 7 });

const batchOf = (seed: number) => {
  const random = new Random(seed);
  return {
    inputs: normal(random, EXAMPLES * PIXELS),
    targets: Array.from({ length: EXAMPLES }, () => random.integer(OUTPUTS)),
  };
};

/** The numbers of all matrices of a capture. */
function numbersOf(backend: Backend, capture: Capture): number[] {
  const matrices = capture.kind === "elements" ? [capture.gradients] : [
    capture.kind === "dense"
      ? capture.inputs
      : capture.kind === "embedding"
      ? capture.tokens
      : capture.images,
    capture.outputGradients,
  ];
  return matrices.flatMap((m) => [...backend.readSync(m)]);
}

for (const [name, layers] of Object.entries(layersOf)) {
  Deno.test(`Sequential.backward() of leading examples is that of zeros for the others: ${name}`, () =>
    onReference((backend) => {
      using model = modelOf(backend, layers);
      const random = new Random(1);
      const blend = { kind: "gradient", decay: 0, scale: 1 } as const;
      backend.scope(() => {
        const x = scratchOf(backend, EXAMPLES * 30, 2, normal(random, EXAMPLES * PIXELS));
        const numbers = normal(random, EXAMPLES * OUTPUTS).fill(0, LEADING * OUTPUTS);
        const g = scratchOf(backend, EXAMPLES, OUTPUTS, numbers);
        model.forward(x, EXAMPLES, { kind: "training", draw: 3 });
        const passed = (g: Matrix) => {
          const input = model.backward(g, blend, true)!;
          assert.equal(input.rows, g.rows * 30);
          return {
            input: backend.readSync(rowsOf(input, 0, LEADING * 30)),
            gradients: model.parameters.map(({ gradient }) => backend.readSync(gradient)),
          };
        };
        const expected = passed(g);
        const actual = passed(rowsOf(g, 0, LEADING));
        // Sums of fewer than 2^8 products of numbers of order 1, in another order.
        const absolute = 2 ** 8 * Number.EPSILON;
        allClose(actual.input, expected.input, { absolute, label: "input" });
        assert(actual.input.some((value) => Math.abs(value) > 1e-3));
        expected.gradients.forEach((gradient, i) => {
          const { name: label } = model.parameters[i];
          allClose(actual.gradients[i], gradient, { absolute, label });
        });
      });
    }));
}

Deno.test("differentiateSampled() passes the first examples through, with the draws of all", () =>
  onReference((backend) => {
    using model = modelOf(backend, layersOf["layers without mixing"]);
    const problem = objective(model, softmaxCrossEntropy());
    backend.scope(() => {
      problem.differentiate(batchOf(2), { decay: 0, scale: 1 / EXAMPLES });
      for (const from of ["signs", "targets"] as const) {
        const capturesOf = (examples: number): Capture[] => {
          problem.differentiateSampled(new Random(4), { from, examples });
          return model.parameters.map((parameter) => problem.capture(parameter)!);
        };
        const all = capturesOf(EXAMPLES);
        for (const count of [1, LEADING, EXAMPLES]) {
          capturesOf(count).forEach((capture, i) => {
            const expected = leadingExamples(all[i], count);
            assert.equal(capture.examples, count);
            assert.equal(expected.examples, count);
            assert.deepEqual(numbersOf(backend, capture), numbersOf(backend, expected));
          });
        }
      }
    });
  }));

Deno.test("differentiateSampled() from signs: both occur, whatever the targets, repeated by the seed", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [2], layers: [dense(40)], seed: 1 });
    const problem = objective(model, squaredError());
    const draw = (target: number, seed: number) =>
      backend.scope(() => {
        const targets = new Float64Array(80).fill(target);
        problem.differentiate({ inputs: [1, 2, 3, 4], targets }, undefined);
        problem.differentiateSampled(new Random(seed), { from: "signs", examples: 2 });
        const { outputGradients } = problem.capture(model.parameters[0]) as DenseCapture;
        return [...backend.readSync(outputGradients)];
      });
    const signs = draw(0, 1);
    assert.deepEqual([...new Set(signs)].sort(), [-1, 1]);
    assert.deepEqual(draw(5, 1), signs);
    assert.notDeepEqual(draw(0, 2), signs);
  }));

Deno.test("batchNorm2d() leaves gradients of each example, which add up to the parameter's", () =>
  onReference((backend) => {
    const layers = layersOf["batch normalisation"];
    using model = modelOf(backend, layers);
    const [parameter] = model.parameters;
    const random = new Random(5);
    backend.scope(() => {
      const x = scratchOf(backend, EXAMPLES * 30, 2, normal(random, EXAMPLES * PIXELS));
      const g = scratchOf(backend, EXAMPLES, OUTPUTS, normal(random, EXAMPLES * OUTPUTS));
      model.forward(x, EXAMPLES, { kind: "training", draw: 0 });
      for (const count of [1, LEADING, EXAMPLES]) {
        const first = rowsOf(g, 0, count);
        model.backward(first, { kind: "gradient", decay: 0, scale: 1 });
        const sum = backend.readSync(parameter.gradient);
        model.backward(first, { kind: "capture" });
        const { capture } = model.layers[0].layers![0];
        const { examples, gradients } = capture as ElementsCapture;
        assert.equal(examples, count);
        const each = backend.readSync(gradients);
        const sums = Array.from(
          sum,
          (_, j) =>
            Array.from(each).reduce((total, value, i) => i % 4 === j ? total + value : total, 0),
        );
        allClose(sums, sum, { absolute: 2 ** 8 * Number.EPSILON, label: `${count} examples` });
      }
    });
  }));
