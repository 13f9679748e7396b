import assert from "#assert";
import type { Backend } from "@tekfac/tekfac/backend";
import { DataError, Random, StateError } from "@tekfac/tekfac/core";
import {
  adam,
  decodeSafetensors,
  ekfac,
  encodeSafetensors,
  exponentialAverage,
  kfac,
  loadState,
  muon,
  type Objective,
  type Optimizer,
  saveState,
  scheduleFreeAdam,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import {
  type BatchLike,
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  globalAveragePool2d,
  relu,
  residual,
  type Sequential,
  sequential,
} from "@tekfac/tekfac/nn";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

type Create = (objective: Objective<Batch>) => Optimizer<Batch>;
const creators: Record<string, Create> = {
  sgd,
  adam,
  "sgd with an average": (o) => sgd(o, { average: exponentialAverage({ decay: 0.8 }) }),
  scheduleFreeAdam,
  muon,
  soap: (o) => soap(o, { preconditionFrequency: 5 }),
  "soap with factors fitted together": (o) => soap(o, { factors: "kl", preconditionFrequency: 5 }),
  "soap with a refresh under way": (o) =>
    soap(o, { preconditionFrequency: 5, refresh: { kind: "background", delay: 3 } }),
  kfac,
  "kfac with exact damping": (o) => kfac(o, { split: "exact" }),
  ekfac,
  "ekfac with running averages": (o) => ekfac(o, { eigenvaluesFrom: "runningAverage" }),
  tkfac,
  tekfac,
  "tekfac with a refresh under way": (o) =>
    tekfac(o, { intervals: { basis: 6 }, refresh: { kind: "background", delay: 3 } }),
  "tekfac with adapted damping": (o) => tekfac(o, { dampingAdaptation: { interval: 2 } }),
  "tekfac at low rank": (o) => tekfac(o, { rank: 2, observe: { atLeast: 4 } }),
  "tekfac by the paper": (o) => tekfac(o, { preset: "paper" }),
  "tekfac with the Monte-Carlo Fisher": (o) =>
    tekfac(o, { fisher: { kind: "monteCarlo" }, seed: 5 }),
};

for (const [name, create] of Object.entries(creators)) {
  Deno.test(`loadState() of ${name} continues as if the run had not been interrupted`, async () => {
    using backend = referenceBackend();
    using straight = smallModel(backend), resumed = smallModel(backend, 99);
    using optimizer = create(problemOf(straight));
    // Step 7 lies between two bases of the dense start, step 13 after it.
    for (let step = 0; step < 7; step++) optimizer.stepSync(makeBatch(16, step));
    const bytes = await saveState(optimizer, { epoch: "3" });
    for (let step = 7; step < 13; step++) optimizer.stepSync(makeBatch(16, step));

    using other = create(problemOf(resumed));
    const info = loadState(other, bytes);
    assert.deepEqual(info, { method: optimizer.method, step: 7, extra: { epoch: "3" } });
    for (let step = 7; step < 13; step++) other.stepSync(makeBatch(16, step));
    assert.deepEqual(weightsOf(resumed), weightsOf(straight));
    if (optimizer.options.average === false) return;
    const averages = optimizer.withAverageSync(() => weightsOf(straight));
    assert.notDeepEqual(averages, weightsOf(straight));
    assert.deepEqual(other.withAverageSync(() => weightsOf(resumed)), averages);
  });
}

/** 6 x 5 x 1 images through everything that draws or remembers. */
function drawingModel(backend: Backend, seed = 1): Sequential {
  const layers = [
    conv2d(3, { kernel: 3, padding: 1, bias: false }),
    batchNorm2d(),
    relu(),
    residual([conv2d(4, { kernel: 3, padding: 1, stride: 2, bias: false }), batchNorm2d()]),
    relu(),
    dropout(0.3),
    globalAveragePool2d(),
    dense(3),
  ];
  return sequential(backend, { input: [6, 5, 1], layers, seed });
}

function imageBatch(seed: number): BatchLike {
  const random = new Random(seed);
  const inputs = Float64Array.from({ length: 8 * 30 }, () => random.normal());
  return { inputs, targets: Array.from({ length: 8 }, (_, n) => inputs[30 * n] > 0 ? 2 : n % 2) };
}

const imageCreators = {
  sgd: (o: Objective<BatchLike>) => sgd(o),
  tekfac: (o: Objective<BatchLike>) => tekfac(o),
  "tekfac with adapted damping": (o: Objective<BatchLike>) =>
    tekfac(o, { dampingAdaptation: { interval: 2 } }),
};

for (const [name, create] of Object.entries(imageCreators)) {
  Deno.test(`loadState() of ${name} continues running moments and draws of two batches a step`, async () => {
    using backend = referenceBackend();
    using straight = drawingModel(backend), resumed = drawingModel(backend);
    const step = (optimizer: Optimizer<BatchLike>, from: number, to: number): number[] =>
      Array.from(
        { length: to - from },
        (_, i) =>
          optimizer.stepSync(imageBatch(2 * (from + i)), imageBatch(2 * (from + i) + 1)).loss,
      );
    using optimizer = create(problemOf(straight));
    step(optimizer, 0, 5);
    const bytes = await saveState(optimizer);
    const losses = step(optimizer, 5, 9);

    using other = create(problemOf(resumed));
    loadState(other, bytes);
    assert.deepEqual(step(other, 5, 9), losses);
    assert.deepEqual(weightsOf(resumed), weightsOf(straight));
    const moments = (model: Sequential): number[][] =>
      Object.values(model.state).map((matrix) => [...backend.readSync(matrix)]);
    assert.equal(moments(straight).length, 2);
    assert.deepEqual(moments(resumed), moments(straight));
    const seen = imageBatch(0);
    const one = problemOf(straight).evaluateSync(seen).loss;
    assert.equal(problemOf(resumed).evaluateSync(seen).loss, one);
  });
}

Deno.test("loadState() refuses other methods, models and damaged files, and changes nothing", async () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model));
  optimizer.stepSync(makeBatch(8, 0));
  const bytes = await saveState(optimizer);
  const before = weightsOf(model);

  using other = ekfac(problemOf(model));
  assert.throws(() => loadState(other, bytes), /expected method 'ekfac', received 'tekfac'/);
  using wider = sequential(backend, { input: [4], layers: [dense(6), dense(3)], seed: 1 });
  using mismatched = tekfac(problemOf(wider));
  assert.throws(
    () => loadState(mismatched, bytes),
    (e: unknown) =>
      e instanceof StateError &&
      /expected 'dense1.weights' of shape \[6, 5\], received \[5, 5\]/.test(e.message),
  );
  for (const length of [0, 7, 100, bytes.length - 1]) {
    assert.throws(() => loadState(optimizer, bytes.slice(0, length)), DataError);
  }
  const foreign = encodeSafetensors({ arrays: {}, metadata: {} });
  assert.throws(() => loadState(optimizer, foreign), /expected format/);
  assert.deepEqual(weightsOf(model), before);
  assert.equal(optimizer.stepCount, 1);
});

Deno.test("saveState() names every array after its parameter and says the feature order", async () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = tekfac(problemOf(model));
  optimizer.stepSync(makeBatch(8, 0));
  const { arrays, metadata } = decodeSafetensors(await saveState(optimizer));
  for (const layer of ["dense1", "dense2"]) {
    for (
      const part of [
        "weights",
        "momentum",
        "outputFactor",
        "inputFactor",
        "outputBasis",
        "inputBasis",
        "eigenvalues",
        "before",
      ]
    ) assert(`${layer}.${part}` in arrays, `${layer}.${part}`);
  }
  assert.match(metadata["tekfac.featureOrder"], /kernel row/);
  assert.equal(JSON.parse(metadata["tekfac.options"]).learningRate, 1);
});

Deno.test("encodeSafetensors() aligns the numbers and survives a round trip", () => {
  const file = {
    arrays: {
      one: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      empty: { shape: [0, 3], data: new Float32Array(0) },
      two: { shape: [3], data: Float64Array.of(Math.PI, -0, 1e300) },
    },
    metadata: { note: "unicode \u00e9" },
  };
  const bytes = encodeSafetensors(file);
  assert.equal((8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))) % 8, 0);
  assert.deepEqual(decodeSafetensors(bytes), file);
});
