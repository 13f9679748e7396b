import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import { Random, StateError } from "@tekfac/tekfac/core";
import {
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  globalAveragePool2d,
  objective,
  relu,
  residual,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { normal, onReference, scratchOf } from "./_harness.ts";

const EXAMPLES = 5;
const TRAINING = { kind: "training", draw: 0 } as const;
const MEAN_GRADIENT = { decay: 0, scale: 1 / EXAMPLES };

const batchOf = (seed: number) => {
  const random = new Random(seed);
  return {
    inputs: normal(random, EXAMPLES * 4 * 3 * 2).map((value) => 3 + 2 * value),
    targets: Array.from({ length: EXAMPLES }, () => random.integer(3)),
  };
};

const normalizing = (backend: Backend, options = {}): Sequential =>
  sequential(backend, {
    input: [4, 3, 2],
    layers: [batchNorm2d(options), globalAveragePool2d(), dense(3)],
    seed: 1,
  });

/** A model in which everything that draws or remembers occurs. */
const drawing = (backend: Backend): Sequential =>
  sequential(backend, {
    input: [4, 3, 2],
    layers: [
      residual([conv2d(3, { kernel: 3, padding: 1, stride: 2, bias: false }), batchNorm2d()]),
      relu(),
      dropout(0.5),
      globalAveragePool2d(),
      dense(3),
    ],
    seed: 2,
  });

/** Means and variances of the two channels of a batch, the variances with division by `count - 1`. */
function momentsOf(inputs: ArrayLike<number>): number[] {
  const n = inputs.length / 2;
  const channel = (c: number) => Array.from({ length: n }, (_, i) => inputs[2 * i + c]);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / n;
  const variance = (values: number[]) =>
    values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (n - 1);
  return [mean(channel(0)), mean(channel(1)), variance(channel(0)), variance(channel(1))];
}

Deno.test("batchNorm2d() brings every channel of a training batch to its shift and scale", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [4, 3, 2], layers: [batchNorm2d()] });
    backend.write(model.parameters[0].value, [2, 3, /**/ -1, 5]);
    const outputs = backend.scope(() => {
      const x = scratchOf(backend, EXAMPLES * 12, 2, batchOf(1).inputs);
      return backend.readSync(model.forward(x, EXAMPLES, TRAINING));
    });
    const n = outputs.length / 2;
    const expected = [-1, 5, 4 * n / (n - 1), 9 * n / (n - 1)];
    // epsilon takes 1e-5 / variance of the variance.
    allClose(momentsOf(outputs), expected, { relative: 1e-5, absolute: 1e-12, label: "moments" });
  }));

Deno.test("batchNorm2d() predicts with running moments, which only passes with gradients move", () =>
  onReference(async (backend) => {
    using model = normalizing(backend, { runningDecay: 0.75 });
    const problem = objective(model, softmaxCrossEntropy());
    const running = () => [...backend.readSync(model.state["batchNorm1.runningMoments"])];
    assert.deepEqual(running(), [0, 0, 1, 1]);
    const batch = batchOf(1);
    backend.scope(() => problem.losses(batch));
    backend.scope(() => {
      problem.differentiate(batch, undefined);
      problem.differentiateSampled(new Random(1), { from: "signs", examples: 1 });
    });
    await problem.evaluate(batch);
    assert.deepEqual(running(), [0, 0, 1, 1]);

    backend.scope(() => problem.differentiate(batch, MEAN_GRADIENT));
    const expected = momentsOf(batch.inputs).map((m, i) => 0.75 * [0, 0, 1, 1][i] + 0.25 * m);
    const rounding = 2 ** 8 * Number.EPSILON;
    allClose(running(), expected, { relative: rounding, absolute: rounding, label: "running" });

    // One example at a time: what is predicted of it does not depend on the others.
    const together = await problem.predict(batch.inputs);
    const apart = await problem.predict(batch.inputs, { microBatch: 1 });
    assert.deepEqual(apart, together);
  }));

Deno.test("batchNorm2d() keeps its running moments when those of a batch are not finite", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [4, 3, 2], layers: [batchNorm2d()] });
    backend.scope(() => {
      const broken = batchOf(1).inputs.map((value, i) => i === 7 ? NaN : value);
      model.forward(scratchOf(backend, EXAMPLES * 12, 2, broken), EXAMPLES, TRAINING);
      const g = scratchOf(backend, EXAMPLES * 12, 2, broken);
      model.backward(g, { kind: "gradient", decay: 0, scale: 1 });
    });
    const running = backend.readSync(model.state["batchNorm1.runningMoments"]);
    assert.deepEqual([...running], [0, 0, 1, 1]);
  }));

Deno.test("batchNorm2d() leaves captures after a prediction, and refuses gradients", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [4, 3, 2], layers: [batchNorm2d()] });
    backend.scope(() => {
      const x = scratchOf(backend, 12, 2, batchOf(1).inputs.slice(0, 24));
      model.forward(x, 1);
      model.backward(x, { kind: "capture" });
      const { capture } = model.layers[0];
      if (capture?.kind !== "elements") throw new Error("expected gradients of the example");
      // Moments 0 and 1: the scale's gradient is the sum of g x / sqrt(1 + epsilon), here of x^2.
      const [scale] = backend.readSync(capture.gradients);
      const even = [...backend.readSync(x)].filter((_, i) => i % 2 === 0);
      const sum = even.reduce((total, value) => total + value ** 2, 0);
      allClose([scale], [sum / Math.sqrt(1 + 1e-5)], { relative: 1e-14 });
      assert.throws(
        () => model.backward(x, { kind: "gradient", decay: 0, scale: 1 }),
        (error: Error) =>
          error instanceof StateError && error.message.includes("forward for training first"),
      );
    });
  }));

Deno.test("losses() and passes without gradients repeat the draws of the step, later steps do not", () =>
  onReference((backend) => {
    using model = drawing(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const first = batchOf(1), second = batchOf(2);
    const read = (pass: () => ReturnType<typeof problem.losses>) =>
      backend.scope(() => [...backend.readSync(pass())]);
    const losses = [
      read(() => problem.differentiate(first, { decay: 0, scale: 0.1 })),
      read(() => problem.differentiate(second, { decay: 1, scale: 0.1 })),
    ];
    const state = [...backend.readSync(model.state["batchNorm1.runningMoments"])];
    for (const repeat of [0, 1]) {
      assert.deepEqual(read(() => problem.differentiate(first, undefined)), losses[0], `${repeat}`);
      assert.deepEqual(read(() => problem.losses(second)), losses[1]);
      assert.deepEqual(read(() => problem.losses(first)), losses[0]);
    }
    assert.deepEqual([...backend.readSync(model.state["batchNorm1.runningMoments"])], state);
    assert.notDeepEqual(read(() => problem.differentiate(first, MEAN_GRADIENT)), losses[0]);
  }));

Deno.test("dropout() keeps 1 - rate of the numbers, scaled, and all of them in predictions", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [10_000], layers: [dropout(0.25)] });
    backend.scope(() => {
      const ones = scratchOf(backend, 1, 10_000, new Float64Array(10_000).fill(1));
      const outputs = backend.readSync(model.forward(ones, 1, TRAINING));
      const kept = outputs.filter((value) => value !== 0);
      assert(kept.every((value) => Math.abs(value - 4 / 3) < 1e-15));
      // Five standard deviations of a binomial count.
      assert(Math.abs(kept.length - 7500) < 5 * Math.sqrt(10_000 * 0.25 * 0.75));
      assert.deepEqual(backend.readSync(model.forward(ones, 1)), backend.readSync(ones));
    });
  }));

Deno.test("residual() adds every s-th pixel and zeros for new channels", () =>
  onReference((backend) => {
    const nothing = () => 0;
    const body = [conv2d(3, { kernel: 1, stride: 2, init: nothing })];
    using model = sequential(backend, { input: [3, 4, 2], layers: [residual(body)] });
    assert.deepEqual(model.output, [2, 2, 3]);
    assert.deepEqual(model.parameters.map(({ name }) => name), ["conv1"]);
    const pixels = Float64Array.from({ length: 24 }, (_, i) => i + 1);
    const outputs = backend.scope(() =>
      backend.readSync(model.forward(scratchOf(backend, 12, 2, pixels), 1))
    );
    assert.deepEqual([...outputs], [1, 2, 0, /**/ 5, 6, 0, /**/ 17, 18, 0, /**/ 21, 22, 0]);
  }));

Deno.test("residual() says which shapes a shortcut can lead to, and frees what it has built", () =>
  onReference((backend) => {
    const build = (channels: number, kernel: number) =>
      sequential(backend, {
        input: [5, 5, 2],
        layers: [residual([conv2d(channels, { kernel })])],
      });
    assert.throws(() => build(1, 1), {
      name: "ShapeError",
      message:
        "Cannot build 'residual1': expected a body that gives 5 x 5 x 2, or every s-th pixel " +
        "with as many channels or more, received 5 x 5 x 1",
    });
    assert.throws(() => build(2, 2), { name: "ShapeError" });
    assert.throws(() => residual([]), { name: "OptionError" });
  }));
