import assert from "#assert";
import fc from "#fast-check";
import type { Backend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { batches, createDataset } from "@tekfac/tekfac/data";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  type ModelObjective,
  objective,
  relu,
  type Sequential,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  squaredError,
} from "@tekfac/tekfac/nn";
import type { Objective } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { normal, onReference } from "./_harness.ts";

const FEATURES = 4;
const CLASSES = 3;

function classifier(backend: Backend): Sequential {
  const layers = [dense(5), relu(), dense(CLASSES)];
  return sequential(backend, { input: [FEATURES], layers, seed: 2 });
}

function labelled(random: Random, examples: number) {
  return {
    inputs: normal(random, examples * FEATURES),
    targets: Uint8Array.from({ length: examples }, () => random.integer(CLASSES)),
  };
}

Deno.test("objective() is what optimizers ask for", () =>
  onReference((backend) => {
    using model = classifier(backend);
    const problem: Objective<BatchLike> = objective(model, softmaxCrossEntropy());
    assert.deepEqual(problem.parameters.map(({ name }) => name), ["dense1", "dense2"]);
  }));

Deno.test("differentiate() over micro-batches adds up to the gradient of the whole batch", () =>
  onReference((backend) => {
    using model = classifier(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const gradients = () => model.parameters.flatMap((p) => [...backend.readSync(p.gradient)]);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });
    const property = fc.property(cuts, fc.integer(), (cuts, seed) => {
      const batch = labelled(new Random(seed), 10);
      const scale = 1 / 10;
      backend.scope(() => problem.differentiate(batch, { decay: 0, scale }));
      const whole = gradients();
      const bounds = [0, ...cuts.sort((a, b) => a - b), 10];
      for (let i = 0; i + 1 < bounds.length; i++) {
        const micro = {
          inputs: batch.inputs.slice(bounds[i] * FEATURES, bounds[i + 1] * FEATURES),
          targets: batch.targets.slice(bounds[i], bounds[i + 1]),
        };
        backend.scope(() => problem.differentiate(micro, { decay: i === 0 ? 0 : 1, scale }));
      }
      // Sums of 10 terms; inputs are normal, weights of order 1.
      const largest = Math.max(1, ...whole.map(Math.abs));
      allClose(gradients(), whole, { absolute: 10 * 10 * Number.EPSILON * largest });
    });
    fc.assert(property, { numRuns: 20 });
  }));

Deno.test("evaluate() does not depend on how examples are cut, and equals evaluateSync()", () =>
  onReference(async (backend) => {
    using model = classifier(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = labelled(new Random(3), 23);
    const whole = problem.evaluateSync(batch);
    assert.equal(whole.examples, 23);
    const outputs = problem.predictSync(batch.inputs);
    const right = Array.from(batch.targets).filter((label, n) => {
      const row = [...outputs.slice(n * CLASSES, (n + 1) * CLASSES)];
      return row.indexOf(Math.max(...row)) === label;
    });
    assert.equal(whole.accuracy, right.length / 23);
    for (const microBatch of [1, 5, 23, 100]) {
      const sync = problem.evaluateSync(batch, { microBatch });
      assert.deepEqual(await problem.evaluate(batch, { microBatch }), sync);
      assert.equal(sync.accuracy, whole.accuracy);
      allClose([sync.loss], [whole.loss], { relative: 23 * Number.EPSILON });
      assert.deepEqual(await problem.predict(batch.inputs, { microBatch }), outputs);
    }
    const halves = [0, 1].map((half) => ({
      inputs: batch.inputs.subarray(half * 10 * FEATURES, half === 0 ? 10 * FEATURES : undefined),
      targets: [...batch.targets.subarray(half * 10, half === 0 ? 10 : undefined)],
    }));
    allClose([problem.evaluateSync(halves).loss], [whole.loss], { relative: 23 * Number.EPSILON });
  }));

Deno.test("evaluate() takes the batches of a data set, whose arrays are reused", () =>
  onReference(async (backend) => {
    const layers = [conv2d(2, { kernel: 2 }), flatten(), dense(10)];
    using model = sequential(backend, { input: [2, 3, 1], layers, seed: 1 });
    const problem = objective(model, softmaxCrossEntropy());
    const random = new Random(4);
    const dataset = createDataset({
      images: Float32Array.from({ length: 11 * 6 }, () => random.uniform()),
      labels: Uint8Array.from({ length: 11 }, () => random.integer(10)),
      shape: [2, 3, 1],
      classes: 10,
      source: "random",
    });
    const shuffled = batches(dataset, { size: 4, shuffle: { seed: 1, epoch: 0 } });
    const expected = problem.evaluateSync({ inputs: dataset.images, targets: dataset.labels });
    const found = await problem.evaluate(shuffled);
    assert.equal(found.accuracy, expected.accuracy);
    allClose([found.loss], [expected.loss], { relative: 11 * Number.EPSILON });
  }));

Deno.test("objective() of an autoencoder: same array as inputs and targets, no accuracy", () =>
  onReference((backend) => {
    using model = sequential(backend, { input: [2, 2, 1], layers: [flatten(), dense(4)], seed: 1 });
    const problem = objective(model, sigmoidCrossEntropy());
    const inputs = Float32Array.from({ length: 8 }, (_, i) => i / 8);
    const copied = problem.evaluateSync({ inputs, targets: inputs.slice() });
    assert.deepEqual(problem.evaluateSync({ inputs, targets: inputs }), copied);
    assert.deepEqual(problem.evaluateSync({ inputs, targets: inputs }, { microBatch: 1 }), copied);
    assert.equal(copied.accuracy, null);
  }));

Deno.test("objective() of a model whose outputs are images compares them number by number", () =>
  onReference((backend) => {
    const layers = [conv2d(1, { kernel: 1, init: () => 2 })];
    using model = sequential(backend, { input: [2, 2, 1], layers });
    const problem = objective(model, squaredError());
    const batch = { inputs: [1, 2, 3, 4, 0, 0, 0, 0], targets: [2, 4, 6, 7, 1, 0, 0, 0] };
    assert.equal(problem.evaluateSync(batch).loss, (0.5 + 0.5) / 2);
    backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 / 2 }));
    assert.deepEqual([...backend.readSync(model.parameters[0].gradient)], [4 / 2, (1 - 1) / 2]);
  }));

/** Every way in which a batch can be wrong, with the sentence that says so. */
const wrongBatches: Record<string, [ModelLoss: "softmax" | "sigmoid", BatchLike, RegExp]> = {
  "inputs that are no multiple of the features": [
    "softmax",
    { inputs: new Float32Array(7), targets: [0, 1] },
    /^Cannot use a batch: expected inputs of 4 numbers per example, received 7 numbers, no multiple/,
  ],
  "too few labels": [
    "softmax",
    { inputs: new Float32Array(8), targets: [1] },
    /^Cannot use a batch: expected 2 targets for 2 examples \(one per example\), received 1$/,
  ],
  "labels where numbers are expected": [
    "sigmoid",
    { inputs: new Float32Array(8), targets: [1, 0] },
    /^Cannot use a batch: expected 6 targets for 2 examples \(3 per example\), received 2$/,
  ],
  "no examples": [
    "softmax",
    { inputs: [], targets: [] },
    /^Cannot read 'batch': expected at least one example, received none$/,
  ],
  "a NaN among the inputs": [
    "softmax",
    { inputs: [0, 0, 0, 0, 0, 0, NaN, 0], targets: [0, 1] },
    /^Cannot read 'batch': input 2 of example 1 must be a finite number: received NaN$/,
  ],
  "an infinity among the inputs": [
    "softmax",
    { inputs: [0, -Infinity, 0, 0], targets: [0] },
    /^Cannot read 'batch': input 1 of example 0 must be a finite number: received -Infinity$/,
  ],
  "no inputs": [
    "softmax",
    { inputs: null as never, targets: [0] },
    /expected 'inputs' as one flat array of numbers, .* nothing$/,
  ],
  "targets of text": [
    "softmax",
    { inputs: new Float32Array(4), targets: ["1"] as never },
    /expected 'targets' as one flat array of numbers, received an array of text$/,
  ],
  "rows": [
    "softmax",
    { inputs: [[1, 2, 3, 4]] as never, targets: [0] },
    /expected 'inputs' as one flat array of numbers, received an array of arrays or other objects$/,
  ],
  "a label that is too large": [
    "softmax",
    { inputs: new Float32Array(8), targets: [2, 3] },
    /^Cannot read 'batch': label of example 1 must be an integer in \[0, 2\]: received 3$/,
  ],
  "a negative label": [
    "softmax",
    { inputs: new Float32Array(4), targets: Int32Array.of(-1) },
    /label of example 0 must be an integer in \[0, 2\]: received -1$/,
  ],
  "a label that is no integer": [
    "softmax",
    { inputs: new Float32Array(4), targets: [0.5] },
    /label of example 0 must be an integer in \[0, 2\]: received 0.5$/,
  ],
  "a target that is no probability": [
    "sigmoid",
    { inputs: new Float32Array(8), targets: [0, 0, 0, 1, 1.5, 0] },
    /^Cannot read 'batch': target 1 of example 1 must be in \[0, 1\]: received 1.5$/,
  ],
  "a target that is NaN": [
    "sigmoid",
    { inputs: new Float32Array(4), targets: [NaN, 0, 0] },
    /target 0 of example 0 must be in \[0, 1\]: received NaN$/,
  ],
};

for (const [what, [kind, batch, message]] of Object.entries(wrongBatches)) {
  Deno.test(`ModelObjective refuses ${what} before it touches anything`, () =>
    onReference((backend) => {
      using model = classifier(backend);
      const loss = kind === "softmax" ? softmaxCrossEntropy() : sigmoidCrossEntropy();
      const problem = objective(model, loss);
      const entries: ((problem: ModelObjective) => unknown)[] = [
        () => problem.examplesOf(batch),
        () => backend.scope(() => problem.differentiate(batch, { decay: 0, scale: 1 })),
        () => problem.evaluateSync(batch),
        () => problem.evaluateSync([batch]),
      ];
      for (const entry of entries) assert.throws(() => entry(problem), { message });
      const gradient = backend.readSync(model.parameters[0].gradient);
      assert.ok(gradient.every((value) => value === 0));
    }));
}

Deno.test("squaredError() refuses an infinite target", () =>
  onReference((backend) => {
    using model = classifier(backend);
    const problem = objective(model, squaredError());
    assert.throws(
      () => problem.examplesOf({ inputs: new Float32Array(4), targets: [0, Infinity, 0] }),
      { name: "DataError", message: /target 1 of example 0 must be a finite number: received Inf/ },
    );
  }));

Deno.test("evaluate() and predict() refuse an empty set, bad inputs and bad options", () =>
  onReference(async (backend) => {
    using model = classifier(backend);
    const problem = objective(model, softmaxCrossEntropy());
    assert.throws(() => problem.evaluateSync([]), { name: "DataError", message: /received none/ });
    await assert.rejects(problem.evaluate([]), { name: "DataError" });
    await assert.rejects(problem.predict([1, 2, 3]), { name: "ShapeError" });
    assert.throws(() => problem.predictSync([1, 2, 3, NaN]), { name: "DataError" });
    const batch = labelled(new Random(1), 2);
    assert.throws(
      () => problem.evaluateSync(batch, { microBatch: 0 }),
      /^OptionError: Cannot run the model: 'microBatch' must be an integer >= 1: received 0$/,
    );
    assert.throws(
      () => problem.evaluateSync(batch, { microbatch: 3 } as never),
      /did you mean 'microBatch'/,
    );
  }));

Deno.test("examplesOf() lets the next differentiate trust the batch, only once", () =>
  onReference((backend) => {
    using model = classifier(backend);
    const problem = objective(model, softmaxCrossEntropy());
    const batch = labelled(new Random(1), 2);
    assert.equal(problem.examplesOf(batch), 2);
    backend.scope(() => problem.differentiate(batch, undefined));
    batch.targets[0] = 9;
    assert.throws(() => backend.scope(() => problem.differentiate(batch, undefined)), {
      name: "DataError",
    });
  }));
