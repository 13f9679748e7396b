/** Keeping and joining what was learned: the penalty by differences, two tasks of digits, two halves. */
import assert from "#assert";
import { Consolidated, curvatureOf, mergeModels } from "@tekfac/tekfac/analysis";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { batches, glyphs, type ImageDataset, subset } from "@tekfac/tekfac/data";
import { type BatchLike, mlp, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { adam, type Objective } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { createReference, problemOf } from "./_models.ts";

Deno.test("Consolidated adds its penalty to losses and gradients, whole and in micro-batches", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  const { goal } = problem;
  using curvature = await curvatureOf(goal, problem.examples(11, 5));
  const [strength, batch] = [3, problem.examples(6, 7)];
  using both = new Consolidated(goal, curvature, { strength });
  const old = goal.parameters.map(({ value }) => backend.readSync(value));
  goal.parameters.forEach(({ value }, l) => {
    backend.write(value, Float64Array.from(old[l], (w, i) => w + Math.cos(i + l) / 3));
  });
  const gradients = (of: Objective<typeof batch>, parts: (typeof batch)[]) => {
    parts.forEach((part, i) =>
      backend.scope(() => of.differentiate(part, { decay: +(i > 0), scale: 1 / 6 }, "prediction"))
    );
    return goal.parameters.map(({ gradient }) => backend.readSync(gradient));
  };
  const plain = gradients(goal, [batch]);
  const expected = backend.scope(() => {
    const [moved, pull] = [0, 0].map(() =>
      curvature.layers.map(({ parameter: { value } }) => backend.scratch(value.rows, value.cols))
    );
    goal.parameters.forEach(({ value }, l) => {
      backend.write(moved[l], backend.readSync(value).map((w: number, i: number) => w - old[l][i]));
    });
    curvature.multiply(pull, moved);
    let penalty = 0;
    const sums = pull.map((matrix, l) => {
      const [p, m] = [backend.readSync(matrix), backend.readSync(moved[l])];
      for (let i = 0; i < p.length; i++) penalty += strength / 2 * p[i] * m[i];
      return Float64Array.from(p, (x, i) => plain[l][i] + strength * x);
    });
    return { sums, penalty };
  });
  const half = (from: number, to: number) => ({
    inputs: Array.prototype.slice.call(batch.inputs, 4 * from, 4 * to),
    targets: Array.prototype.slice.call(batch.targets, from, to),
  });
  for (const parts of [[batch], [half(0, 2), half(2, 6)]]) {
    gradients(both, parts).forEach((gradient, l) => {
      allClose(gradient, expected.sums[l], { absolute: 1e-12 * (1 + expected.penalty) });
    });
  }
  const losses = (of: Objective<typeof batch>) =>
    backend.scope(() => [...backend.readSync(of.differentiate(batch, undefined, "prediction"))]);
  allClose(losses(both), losses(goal).map((loss) => loss + expected.penalty), { relative: 1e-12 });
});

/** The same digits with their pixels in another order: another task for the same outputs. */
function shuffled(data: ImageDataset, seed: number): ImageDataset {
  const order = new Random(seed).permutation(784);
  const from = data.images as Float32Array;
  const images = Float32Array.from(from, (_, at) => from[at - at % 784 + order[at % 784]]);
  return { ...data, images, inputs: images };
}

Deno.test("Consolidated keeps a first task that plain training loses", async () => {
  const { train, test } = glyphs({ train: 600, test: 400, seed: 1 });
  const second = { train: shuffled(train, 5), test: shuffled(test, 5) };
  using backend = await createBackend({ prefer: ["wasm"] });
  const outcomes: { lost: number; learned: number }[] = [];
  for (const strength of [0, 10]) {
    using model = sequential(backend, {
      input: [28, 28, 1],
      layers: mlp({ hidden: [64] }),
      seed: 1,
    });
    const goal = objective(model, softmaxCrossEntropy());
    const learn = (on: Objective<BatchLike>, data: ImageDataset) => {
      using optimizer = adam(on, { learningRate: 3e-3 });
      for (let epoch = 0; epoch < 10; epoch++) {
        for (const batch of batches(data, { size: 50, shuffle: { seed: 1, epoch } })) {
          optimizer.stepSync(batch);
        }
      }
    };
    const accuracy = (data: ImageDataset) =>
      goal.evaluateSync(batches(data, { size: 200 })).accuracy!;
    learn(goal, train);
    const before = accuracy(test);
    using curvature = await curvatureOf(goal, train);
    using both = new Consolidated(goal, curvature, { strength });
    learn(both, second.train);
    outcomes.push({ lost: before - accuracy(test), learned: accuracy(second.test) });
  }
  const [plain, consolidated] = outcomes;
  assert(plain.lost > 0.08, `${plain.lost}`);
  assert(consolidated.lost < 0.02, `${consolidated.lost}`);
  assert(consolidated.learned > plain.learned - 0.05, `${consolidated.learned}`);
});

Deno.test("mergeModels() joins what two models know better than their mean does", async () => {
  const { train, test } = glyphs({ train: 1000, test: 400, seed: 1 });
  using backend = await createBackend({ prefer: ["wasm"] });
  const layers = mlp({ hidden: [64] });
  const create = () => sequential(backend, { input: [28, 28, 1], layers, seed: 1 });
  using left = create();
  using right = create();
  using mean = create();
  using merged = create();
  // Each knows half of the digits well, and has seen few of the others.
  const parts = [true, false].map((low) => {
    const all = Array.from(train.labels, (_, i) => i);
    return subset(train, all.filter((i) => (train.labels[i] < 5) === low || i % 10 === 0));
  });
  const goals = [left, right].map((model, m) => {
    const goal = objective(model, softmaxCrossEntropy());
    using optimizer = adam(goal, { learningRate: 1e-3 });
    for (let epoch = 0; epoch < 6; epoch++) {
      for (const batch of batches(parts[m], { size: 50, shuffle: { seed: 1, epoch } })) {
        optimizer.stepSync(batch);
      }
    }
    return goal;
  });
  using first = await curvatureOf(goals[0], parts[0]);
  using second = await curvatureOf(goals[1], parts[1]);
  const target = objective(merged, softmaxCrossEntropy());
  await mergeModels(target, [first, second]);
  mean.parameters.forEach(({ value }, l) => {
    backend.axpby(value, 0.5, left.parameters[l].value, 0);
    backend.axpby(value, 0.5, right.parameters[l].value, 1);
  });
  const [plain, fisher] = [objective(mean, softmaxCrossEntropy()), target]
    .map((goal) => goal.evaluateSync(batches(test, { size: 200 })));
  assert(fisher.loss < plain.loss - 0.1, `${fisher.loss}, ${plain.loss}`);
  assert(fisher.accuracy! > plain.accuracy! + 0.02, `${fisher.accuracy}, ${plain.accuracy}`);
});

Deno.test("mergeModels() and Consolidated refuse models that do not belong together", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "dense");
  using other = problemOf(backend, "conv2d");
  using curvature = await curvatureOf(problem.goal, problem.examples(5, 1));
  using stranger = await curvatureOf(other.goal, other.examples(5, 1));
  const held = backend.memory().handles;
  await assert.rejects(() => mergeModels(problem.goal, [curvature]), { name: "OptionError" });
  const pair = [curvature, stranger];
  await assert.rejects(() => mergeModels(problem.goal, pair), {
    name: "ShapeError",
    message: /dense1/,
  });
  assert.throws(() => new Consolidated(problem.goal, stranger, { strength: 1 }), {
    name: "StateError",
  });
  assert.throws(() => new Consolidated(problem.goal, curvature, { strength: -1 }), {
    name: "OptionError",
  });
  assert.equal(backend.memory().handles, held);
});
