import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  objective,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { Random } from "@tekfac/tekfac/core";
import {
  ekfac,
  kfac,
  type KroneckerOptions,
  type Objective,
  sgd,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { makeBatch, problemOf, referenceBackend, smallModel, weightsOf } from "./problem.ts";

/** Two convolutions and two dense layers on images of 5 x 5 pixels. */
function smallCnn(backend: Backend): Sequential {
  const layers = [
    conv2d(2, { kernel: 3 }),
    tanh(),
    conv2d(3, { kernel: 2 }),
    tanh(),
    flatten(),
    dense(4),
    tanh(),
    dense(3),
  ];
  return sequential(backend, { input: [5, 5, 1], layers, seed: 3 });
}

const random = new Random(8);
const examples = 6;
const inputs = Float64Array.from({ length: 25 * examples }, () => random.normal());
const targets = Array.from({ length: examples }, (_, n) => n % 3);
const batch: BatchLike = { inputs, targets };

/**
 * The mean squared norm of the per-example gradients of each layer, which is tr F: from the gradients of
 * single examples, so that no curvature is computed.
 */
function tracesOf(backend: Backend): number[] {
  using model = smallCnn(backend);
  using still = sgd(objective(model, softmaxCrossEntropy()), { learningRate: 0 });
  const traces = model.parameters.map(() => 0);
  for (let n = 0; n < examples; n++) {
    still.stepSync({ inputs: inputs.slice(25 * n, 25 * (n + 1)), targets: [targets[n]] });
    model.parameters.forEach(({ gradient }, l) => {
      traces[l] += [...backend.readSync(gradient)].reduce((sum, v) => sum + v * v, 0) / examples;
    });
  }
  return traces;
}

/** The lambdas of a first step on the CNN. */
function lambdasOf(backend: Backend, options: KroneckerOptions, create = tekfac): number[] {
  using model = smallCnn(backend);
  using optimizer = create(objective(model, softmaxCrossEntropy()), {
    preset: "paper",
    ...options,
  });
  return optimizer.stepSync(batch).layers.map(({ damping }) => damping!);
}

/** Sums of some hundred float64 products. */
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual / expected - 1) < 1e-12, `${actual} instead of ${expected}`);

for (const create of [tekfac, ekfac]) {
  Deno.test(`${create.name}() with the paper's damping: tr F / dim for convolutions, their largest for dense layers`, () => {
    using backend = referenceBackend();
    using model = smallCnn(backend);
    const sizes = model.parameters.map(({ value }) => value.rows * value.cols);
    const means = tracesOf(backend).map((trace, l) => trace / sizes[l]);
    const beta = Math.max(means[0], means[1]);
    const lambdas = lambdasOf(backend, { damping: { kind: "paper", lambda: 0.3 } }, create);
    [means[0], means[1], 0.3 * beta, 0.3 * beta].forEach((mean, l) => near(lambdas[l], mean));
    assert.notEqual(means[0], means[1]);
  });
}

Deno.test("tekfac() with the paper's damping: the floor bounds the trace", () => {
  using backend = referenceBackend();
  using model = smallCnn(backend);
  const lambdas = lambdasOf(backend, { damping: { kind: "paper", floor: 1e6 } });
  const expected = model.parameters.map(({ value }) => 1e6 / (value.rows * value.cols));
  const beta = Math.max(expected[0], expected[1]);
  [expected[0], expected[1], beta, beta].forEach((value, l) => near(lambdas[l], value));
});

Deno.test("tekfac() with the paper's damping: diagonal convolutions leave every layer its own trace", () => {
  using backend = referenceBackend();
  const blocks: KroneckerOptions["blocks"] = ({ layer }) =>
    layer.kind === "conv2d" ? "diagonal" : "kronecker";
  const paper = lambdasOf(backend, { blocks, damping: { kind: "paper" } });
  const relative = lambdasOf(backend, { blocks, damping: { kind: "relative", tau: 1 } });
  paper.forEach((lambda, l) => near(lambda, relative[l]));
});

Deno.test("kfac() and tkfac() with the paper's damping: dense layers take the convolutions' largest", () => {
  using backend = referenceBackend();
  for (const create of [kfac, tkfac]) {
    const relative = lambdasOf(backend, { damping: { kind: "relative", tau: 1 } }, create);
    const paper = lambdasOf(backend, { damping: { kind: "paper", lambda: 2 } }, create);
    const beta = Math.max(relative[0], relative[1]);
    [relative[0], relative[1], 2 * beta, 2 * beta].forEach((value, l) => near(paper[l], value));
  }
});

Deno.test("damping of kind paper equals relative damping where there are no convolutions", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  using paper = tekfac(problemOf(a), { damping: { kind: "paper", lambda: 0.7 } });
  using relative = tekfac(problemOf(b), { damping: { kind: "relative", tau: 0.7 } });
  for (let step = 0; step < 5; step++) {
    paper.stepSync(makeBatch(16, step));
    relative.stepSync(makeBatch(16, step));
  }
  assert.deepEqual(weightsOf(a), weightsOf(b));
});

Deno.test("dampingAdaptation leaves the trajectory alone until its factor changes, and reports what it saw", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  using plain = tekfac(problemOf(a), { dampingAdaptation: false });
  // Bounds of 1 hold the factor.
  using held = tekfac(problemOf(b), { dampingAdaptation: { interval: 2, min: 1, max: 1 } });
  for (let step = 0; step < 6; step++) {
    plain.stepSync(makeBatch(16, step));
    const { adaptation } = held.stepSync(makeBatch(16, step));
    assert.equal(adaptation !== undefined, step === 2 || step === 4);
    if (adaptation !== undefined) assert.equal(adaptation.factor, 1);
  }
  assert.deepEqual(weightsOf(a), weightsOf(b));
});

Deno.test("dampingAdaptation multiplies every layer's lambda by the factor", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const damping = { kind: "absolute", lambda: 0.01 } as const;
  using optimizer = tekfac(problemOf(model), { damping, dampingAdaptation: { interval: 1 } });
  let factor = 1;
  for (let step = 0; step < 6; step++) {
    const { layers, adaptation } = optimizer.stepSync(makeBatch(16, step));
    for (const layer of layers) near(layer.damping!, 0.01 * factor);
    factor = adaptation?.factor ?? factor;
  }
  assert.notEqual(factor, 1);
});

Deno.test("dampingAdaptation sees several micro-batches as one batch", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  const options = {
    preset: "paper",
    damping: { kind: "relative", tau: 1 },
    dampingAdaptation: { interval: 1 },
  } as const;
  using whole = tekfac(problemOf(a), options), parts = tekfac(problemOf(b), options);
  for (let step = 0; step < 4; step++) {
    const all = makeBatch(16, step);
    const split = [0, 1].map((half) => ({
      inputs: all.inputs.slice(32 * half, 32 * (half + 1)),
      targets: all.targets.slice(8 * half, 8 * (half + 1)),
      examples: 8,
    }));
    const expected = whole.stepSync(all).adaptation;
    const actual = parts.stepSync(...split).adaptation;
    assert.equal(actual?.factor, expected?.factor);
    if (expected !== undefined) near(actual!.loss, expected.loss);
  }
});

Deno.test("dampingAdaptation works for a model that only knows differentiate()", () => {
  using backend = referenceBackend();
  using a = smallModel(backend), b = smallModel(backend);
  const known = problemOf(b);
  const bare: Objective<BatchLike> = {
    backend,
    parameters: known.parameters,
    examplesOf: (batch) => known.examplesOf(batch),
    differentiate: (batch, blend) => known.differentiate(batch, blend),
    differentiateSampled: (random, sample) => known.differentiateSampled(random, sample),
    capture: (parameter) => known.capture(parameter),
  };
  using full = tekfac(problemOf(a), { dampingAdaptation: {} });
  using less = tekfac(bare, { dampingAdaptation: {} });
  for (let step = 0; step < 22; step++) {
    full.stepSync(makeBatch(16, step));
    less.stepSync(makeBatch(16, step));
  }
  assert.deepEqual(weightsOf(a), weightsOf(b));
});

Deno.test("dampingAdaptation cannot be joined with L2 decay or an exponent below 1", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const dampingAdaptation = {};
  const wrong: Parameters<typeof tekfac>[1][] = [
    { dampingAdaptation, exponent: 0.5 },
    { dampingAdaptation, weightDecay: { kind: "l2", value: 1e-3 } },
    { dampingAdaptation: true as unknown as false },
    { damping: { kind: "paper", floor: 0 } },
    { damping: { kind: "paper", tau: 1 } as unknown as { kind: "paper" } },
  ];
  const handles = backend.memory().handles;
  for (const options of wrong) {
    assert.throws(() => tekfac(problemOf(model), options), { name: "OptionError" });
  }
  assert.equal(backend.memory().handles, handles);
});
