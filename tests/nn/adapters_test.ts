/** Adapters of low rank, and models that are built anew with the weights of others. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { OptionError, Random, StateError } from "@tekfac/tekfac/core";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import {
  addAdapters,
  attention,
  batchNorm2d,
  concatenate,
  conv2d,
  dense,
  extendClasses,
  flatten,
  layerNorm,
  lora,
  mergeAdapters,
  objective,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
  squaredError,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { checkParameterGradient, normal, onReference } from "./_harness.ts";

for (const input of [[4], [3, 4]] as const) {
  Deno.test(`lora() has the gradients of central differences (input ${input.join(" x ")})`, () =>
    onReference((backend) => {
      const layers = [lora(3, { rank: 2, alpha: 5 }), tanh(), lora(2, { rank: 1, bias: false })];
      using model = sequential(backend, { input, layers, seed: 1 });
      const random = new Random(2);
      for (const parameter of model.parameters) {
        const { rows, cols } = parameter.value;
        writeWeights(backend, parameter, normal(random, rows * cols));
      }
      model.unfreeze();
      const goal = objective(model, squaredError());
      const positions = input.length === 2 ? input[0] : 1;
      const batch = {
        inputs: normal(random, 5 * positions * 4),
        targets: normal(random, 5 * positions * 2),
      };
      const captured = backend.scope(() => {
        goal.differentiate(batch, { decay: 0, scale: 1 / 5 });
        return model.parameters.map((parameter) => {
          const capture = goal.capture(parameter)!;
          const { rows, cols } = parameter.value;
          const [g, x] = capture.kind === "dense"
            ? [capture.outputGradients, capture.inputs]
            : capture.kind === "conv2d"
            ? [capture.outputGradients, capture.images]
            : assert.fail();
          // The bias of a sequence's layer is no column of its images.
          const out = backend.scratch(rows, x.cols);
          backend.gemm(out, g, x, { transposeA: true, alpha: 1 / 5 });
          const mean = backend.readSync(out);
          const gradient = backend.readSync(parameter.gradient).filter((_, i) => i % cols < x.cols);
          return [mean, gradient];
        });
      });
      for (const parameter of model.parameters) {
        checkParameterGradient(backend, parameter, () => goal.evaluateSync(batch).loss);
      }
      // Captures are of each example's own loss, the factor alpha / r included.
      for (const [mean, gradient] of captured) {
        allClose(mean, gradient, { absolute: 64 * Number.EPSILON, relative: 64 * Number.EPSILON });
      }
    }));
}

Deno.test("addAdapters() changes nothing, trains adapters alone, and mergeAdapters() keeps what they learned", async () => {
  using backend = await createBackend();
  const layers = [
    ...[conv2d(2, { kernel: 2 }), batchNorm2d(), flatten(), dense(6), layerNorm(), relu()],
    ...[residual([dense(6), tanh()]), concatenate([[tanh()], [dense(3), tanh()], []]), dense(2)],
  ];
  using model = sequential(backend, { input: [4, 3, 1], layers, seed: 1 });
  const batch = {
    inputs: normal(new Random(3), 8 * 12),
    targets: [0, 1, 0, 1, 1, 1, 0, 0],
  };
  const goal = objective(model, softmaxCrossEntropy());
  {
    using optimizer = tekfac(goal);
    optimizer.stepSync(batch); // running moments move
  }
  const before = goal.predictSync(batch.inputs);
  using adapted = addAdapters(model, { rank: 2, alpha: 3, seed: 4 });
  const trained = adapted.parameters.filter(({ trainable }) => trainable).map(({ name }) => name);
  assert.deepEqual(trained, [1, 2, 3, 4].flatMap((i) => [`lora${i}.a`, `lora${i}.b`]));
  const adaptedGoal = objective(adapted, softmaxCrossEntropy());
  assert.deepEqual(adaptedGoal.predictSync(batch.inputs), before);
  {
    using optimizer = tekfac(adaptedGoal);
    const blocks = optimizer.describe();
    for (const name of trained) assert(blocks.includes(name), blocks);
    const first = optimizer.stepSync(batch).loss;
    for (let i = 0; i < 60; i++) optimizer.stepSync(batch);
    const last = optimizer.stepSync(batch).loss;
    assert(last < 0.7 * first, `${first} to ${last}`);
  }
  assert.deepEqual(goal.predictSync(batch.inputs), before);
  const after = adaptedGoal.predictSync(batch.inputs);

  using merged = mergeAdapters(adapted);
  assert.deepEqual(merged.parameters.map(({ name }) => name), model.parameters.map((p) => p.name));
  const single = 64 * 2 ** -24;
  const predicted = objective(merged, softmaxCrossEntropy()).predictSync(batch.inputs);
  allClose(predicted, after, { absolute: single, relative: single });
  using kept = await loadModel(backend, await saveModel(adapted));
  assert.deepEqual(objective(kept.model, softmaxCrossEntropy()).predictSync(batch.inputs), after);
  assert.equal(kept.model.parameters.find(({ name }) => name === "lora1.base")!.trainable, false);
});

Deno.test("addAdapters() takes some layers, and refuses what is no dense layer", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const layers = [attention({ heads: 1 }), dense(2), dense(2)];
  using model = sequential(backend, { input: [3, 2], layers, seed: 1 });
  {
    using adapted = addAdapters(model, { rank: 1, layers: ["dense2"] });
    const trained = adapted.parameters.filter(({ trainable }) => trainable);
    assert.deepEqual(trained.map(({ name }) => name), ["lora1.a", "lora1.b"]);
    using merged = mergeAdapters(adapted);
    assert.deepEqual(merged.architecture, model.architecture);
  }
  const handles = backend.memory().handles;
  assert.throws(() => addAdapters(model, { rank: 1, layers: ["attention1.qkv"] }), OptionError);
  assert.throws(() => addAdapters(model, { rank: 0 }), /rank/);
  const { options: _, ...custom } = relu();
  using other = sequential(backend, { input: [2], layers: [dense(2), custom] });
  assert.throws(() => addAdapters(other, { rank: 1 }), StateError);
  assert.equal(backend.memory().handles, handles + 2);
});

Deno.test("addAdapters() and mergeAdapters() keep what several places share", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const twice = dense(3);
  const layers = [twice, tanh(), residual([twice]), dense(2)];
  using model = sequential(backend, { input: [3], layers, seed: 1 });
  const inputs = normal(new Random(3), 4 * 3);
  const outputs = () => objective(model, squaredError()).predictSync(inputs);
  using adapted = addAdapters(model, { rank: 1 });
  const parameters = adapted.parameters.filter(({ trainable }) => trainable);
  assert.deepEqual(parameters.map(({ name }) => name), [
    "lora1.a",
    "lora1.b",
    "lora2.a",
    "lora2.b",
  ]);
  const goal = objective(adapted, squaredError());
  assert.deepEqual(goal.predictSync(inputs), outputs());
  using optimizer = tekfac(goal);
  optimizer.stepSync({ inputs, targets: normal(new Random(4), 4 * 2) });
  using merged = mergeAdapters(adapted);
  assert.equal(merged.architecture, model.architecture);
  const double = { absolute: 64 * Number.EPSILON, relative: 64 * Number.EPSILON };
  const predicted = objective(merged, squaredError()).predictSync(inputs);
  allClose(predicted, goal.predictSync(inputs), double);
  assert.throws(() => allClose(predicted, outputs(), double));
});

Deno.test("extendClasses() keeps ratios of probabilities, running moments and what is frozen", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const layers = [
    ...[conv2d(2, { kernel: 2, trainable: false }), batchNorm2d(), flatten(), dense(2)],
  ];
  using model = sequential(backend, { input: [3, 3, 1], layers, seed: 1 });
  const inputs = normal(new Random(3), 4 * 9);
  const goal = objective(model, softmaxCrossEntropy());
  {
    using optimizer = tekfac(goal);
    optimizer.stepSync({ inputs, targets: [0, 1, 0, 1] });
  }
  using wider = extendClasses(model, 4);
  assert.equal(wider.parameters[0].trainable, false);
  const logits = objective(wider, softmaxCrossEntropy()).predictSync(inputs);
  assert.deepEqual([...logits].filter((_, i) => i % 4 < 2), [...goal.predictSync(inputs)]);
  assert([...logits].every((z, i) => i % 4 < 2 || z === 0));
  assert.throws(() => extendClasses(model, 2), OptionError);
  using headless = sequential(backend, { input: [2], layers: [dense(2), relu()] });
  assert.throws(() => extendClasses(headless, 3), StateError);
});
