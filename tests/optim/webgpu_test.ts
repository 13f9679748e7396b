import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { NumericalError, StateError } from "@tekfac/tekfac/core";
import { glyphs } from "@tekfac/tekfac/data";
import { batches } from "@tekfac/tekfac/data";
import {
  type BatchLike,
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  flatten,
  globalAveragePool2d,
  maxPool2d,
  objective,
  readWeights,
  relu,
  residual,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  exponentialAverage,
  kfac,
  type KroneckerOptions,
  muon,
  type Objective,
  type Optimizer,
  scheduleFreeAdam,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { gpuTest } from "../parity/_parity.ts";

type Create = (objective: Objective<BatchLike>, options?: KroneckerOptions) => Optimizer<BatchLike>;
const optimizers: Record<string, Create> = {
  sgd,
  adam: adam as Create,
  muon: muon as Create,
  scheduleFreeAdam: scheduleFreeAdam as Create,
  kfac,
  ekfac,
  tkfac,
  tekfac,
  "soap with factors 'kl'": (o) => soap(o as Objective<BatchLike>, { factors: "kl" }),
  "tekfac with the paper's damping": (o) => tekfac(o, { damping: { kind: "paper" } }),
  "tekfac with adapted damping": (o) => tekfac(o, { dampingAdaptation: { interval: 2 } }),
};

/** Layers whose factors are small enough for a GPU in software. */
function smallCnn(backend: Backend): Sequential {
  const layers = [
    conv2d(4, { kernel: 5, padding: 2, stride: 2 }),
    relu(),
    maxPool2d({ kernel: 4 }),
    flatten(),
    dense(10),
  ];
  return sequential(backend, { input: [28, 28, 1], layers, seed: 1 });
}

/** Batch normalisation, both shortcuts and dropout. */
function smallResnet(backend: Backend): Sequential {
  const layers = [
    conv2d(4, { kernel: 5, padding: 2, stride: 4, bias: false }),
    batchNorm2d(),
    relu(),
    residual([conv2d(4, { kernel: 3, padding: 1, bias: false }), batchNorm2d()]),
    relu(),
    residual([conv2d(6, { kernel: 3, padding: 1, stride: 2, bias: false }), batchNorm2d()]),
    relu(),
    dropout(0.1),
    globalAveragePool2d(),
    dense(10),
  ];
  return sequential(backend, { input: [28, 28, 1], layers, seed: 1 });
}

const { train } = glyphs({ train: 640, test: 1, seed: 1 });

function* twentyBatches(): Generator<BatchLike> {
  for (let epoch = 0; epoch < 2; epoch++) {
    yield* batches(train, { size: 64, shuffle: { seed: 1, epoch } });
  }
}

async function curveOf(
  backend: Backend,
  create: Create,
  build: (backend: Backend) => Sequential = smallCnn,
): Promise<number[]> {
  using model = build(backend);
  using optimizer = create(objective(model, softmaxCrossEntropy()));
  const handles = [...twentyBatches()].map((batch) => optimizer.step(batch));
  const reports = await Promise.all(handles.map((handle) => handle.report()));
  return reports.map(({ loss }) => loss);
}

for (const [name, create] of Object.entries(optimizers)) {
  gpuTest(`${name}() follows WebAssembly's loss within 1e-3 for 20 steps`, async (gpu) => {
    using wasm = await createBackend({ prefer: ["wasm"] });
    const expected = await curveOf(wasm, create);
    const actual = await curveOf(gpu, create);
    assert.equal(actual.length, 20);
    const worst = Math.max(...actual.map((loss, i) => Math.abs(loss / expected[i] - 1)));
    assert(worst <= 1e-3, `${worst}`);
    assert(actual[19] < actual[0]);
  });
}

gpuTest("withAverage() evaluates as on WebAssembly within 1e-3", async (gpu) => {
  const averaged = async (backend: Backend): Promise<number> => {
    using model = smallCnn(backend);
    const goal = objective(model, softmaxCrossEntropy());
    using optimizer = adam(goal, { average: exponentialAverage({ decay: 0.9 }) });
    for (const batch of twentyBatches()) optimizer.step(batch);
    const [batch] = twentyBatches();
    return (await optimizer.withAverage(() => goal.evaluate(batch))).loss;
  };
  using wasm = await createBackend({ prefer: ["wasm"] });
  const expected = await averaged(wasm);
  const actual = await averaged(gpu);
  assert(Math.abs(actual / expected - 1) <= 1e-3, `${actual} instead of ${expected}`);
});

gpuTest("tekfac() follows WebAssembly's loss through normalisation within 1e-2", async (gpu) => {
  using wasm = await createBackend({ prefer: ["wasm"] });
  const expected = await curveOf(wasm, tekfac, smallResnet);
  const actual = await curveOf(gpu, tekfac, smallResnet);
  const worst = Math.max(...actual.map((loss, i) => Math.abs(loss / expected[i] - 1)));
  assert(worst <= 1e-2, `${worst}`);
  assert(actual[19] < actual[0]);
});

gpuTest(
  "step() waits for nothing in 100 steps; reports that are asked for are read",
  async (gpu) => {
    using model = smallCnn(gpu);
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
    const [batch] = twentyBatches();
    const { mapAsync } = GPUBuffer.prototype;
    let waits = 0;
    GPUBuffer.prototype.mapAsync = function (...call) {
      waits++;
      return mapAsync.apply(this, call);
    };
    try {
      for (let step = 0; step < 99; step++) optimizer.step(batch);
      assert.equal(waits, 0);
      const { step, layers, clipFactor } = await optimizer.step(batch).report();
      assert.equal(waits, 1);
      assert.equal(step, 99);
      assert(clipFactor > 0 && clipFactor <= 1 && layers.every(({ damping }) => damping! > 0));
    } finally {
      GPUBuffer.prototype.mapAsync = mapAsync;
    }
  },
);

gpuTest(
  "step() is refused by the device when its loss is not finite, and the next one works",
  async (gpu) => {
    using model = smallCnn(gpu);
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()), {
      weightDecay: { kind: "decoupled", value: 0.01 },
    });
    // Batches may share their arrays: copies.
    const [good, other] = Array.from(twentyBatches(), ({ inputs, targets }) => ({
      inputs: Float32Array.from(inputs),
      targets: Array.from(targets),
    }));
    await optimizer.step(good).report();
    const before = await Promise.all(model.parameters.map((p) => readWeights(gpu, p)));
    // Finite inputs whose products overflow.
    const huge = { ...good, inputs: good.inputs.map(() => 3e38) };
    const handle = optimizer.step(huge);
    await assert.rejects(
      handle.report(),
      (e: unknown) =>
        e instanceof NumericalError && e.step === 1 && /parameters are unchanged/.test(e.message),
    );
    const after = await Promise.all(model.parameters.map((p) => readWeights(gpu, p)));
    assert.deepEqual(after, before);
    const { loss } = await optimizer.step(other).report();
    assert(Number.isFinite(loss));
  },
);

gpuTest("report() refuses to guess when it is asked for too late", async (gpu) => {
  using model = smallCnn(gpu);
  using optimizer = sgd(objective(model, softmaxCrossEntropy()));
  const [batch] = twentyBatches();
  const handle = optimizer.step(batch);
  for (let step = 0; step < 64; step++) optimizer.step(batch);
  await assert.rejects(handle.report(), StateError);
  assert.throws(() => optimizer.stepSync(batch), /use step\(\)/);
});
