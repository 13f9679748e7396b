/** Going on after the loss of a device, on whatever adapter there is. */
import assert from "#assert";
import { type Backend, createBackend, type DeviceLoss } from "@tekfac/tekfac/backend";
import { batches, glyphs } from "@tekfac/tekfac/data";
import {
  type BatchLike,
  conv2d,
  dense,
  flatten,
  maxPool2d,
  objective,
  readWeights,
  relu,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { exponentialAverage, saveState, sgd, type StepReport, tekfac } from "@tekfac/tekfac/optim";
import { gpuTest } from "../parity/_parity.ts";

const { train } = glyphs({ train: 320, test: 1, seed: 1 });

/** So many batches of 64, copied, for batches may share their arrays. */
function batchesOf(count: number): BatchLike[] {
  const all: BatchLike[] = [];
  for (let epoch = 0; all.length < count; epoch++) {
    for (const { inputs, targets } of batches(train, { size: 64, shuffle: { seed: 1, epoch } })) {
      all.push({ inputs: Float32Array.from(inputs), targets: Array.from(targets) });
    }
  }
  return all.slice(0, count);
}

function smallCnn(backend: Backend): Sequential {
  const layers = [
    conv2d(4, { kernel: 5, padding: 2, stride: 2 }),
    relu(),
    maxPool2d({ kernel: 7 }),
    flatten(),
    dense(10),
  ];
  return sequential(backend, { input: [28, 28, 1], layers, seed: 1 });
}

const options = { intervals: { statistics: 4, basis: 8, eigenvalues: 4 } };

/** A backend that recovers, what it told, and its first device. */
async function recovering(everySteps: number) {
  const losses: DeviceLoss[] = [];
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  const backend = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    device,
    recovery: { everySteps, onLoss: (loss) => losses.push(loss) },
  });
  return { backend, losses, device };
}

/** Runs `body` on a host that has no adapter any more. */
async function withoutAdapter<T>(body: () => Promise<T>): Promise<T> {
  const { requestAdapter } = GPU.prototype;
  GPU.prototype.requestAdapter = () => Promise.resolve(null);
  try {
    return await body();
  } finally {
    GPU.prototype.requestAdapter = requestAdapter;
  }
}

/** A turn of the event loop, in which a loss is announced. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Trains for 30 steps with a loss before step `at`; all reports. */
async function trainThrough(backend: Backend, lose: (step: number) => void | Promise<void>) {
  using model = smallCnn(backend);
  using optimizer = tekfac(objective(model, softmaxCrossEntropy()), options);
  const reports: StepReport[] = [];
  for (const [i, batch] of batchesOf(30).entries()) {
    await lose(i);
    reports.push(await optimizer.step(batch).report());
  }
  return reports;
}

for (
  const [where, within] of [["a new device", (b: () => unknown) => b()], [
    "wasm",
    withoutAdapter,
  ]] as const
) {
  gpuTest(`training goes on with ${where} after device.destroy(), with one warning`, async () => {
    const { backend, losses, device } = await recovering(10);
    using gpu = backend;
    const reports = await within(() =>
      trainThrough(gpu, (i) => i === 25 ? device.destroy() : undefined)
    ) as StepReport[];
    assert.equal(losses.length, 1);
    const [{ reason, stepsLost, continuesOn }] = losses;
    assert.match(reason, /destroyed|lost/);
    // Snapshots after steps 1, 11 and 21; the 26th was under way.
    assert.equal(stepsLost, 5);
    assert.match(continuesOn, where === "wasm" ? /^wasm/ : /^webgpu/);
    assert.equal(gpu.info.description, continuesOn);
    assert.deepEqual(reports.map(({ step }) => step), [
      ...Array.from({ length: 25 }, (_, i) => i),
      ...Array.from({ length: 5 }, (_, i) => 21 + i),
    ]);
    const mean = (some: StepReport[]) =>
      some.reduce((sum, { loss }) => sum + loss, 0) / some.length;
    assert(mean(reports.slice(25)) < 0.8 * mean(reports.slice(0, 5)));
  });
}

gpuTest("what goes on after a loss equals a run that never went further", async (gpu) => {
  const all = batchesOf(14);
  // Snapshots after steps 1, 5, 9; after the loss the last four batches are taken from there.
  const { backend, losses, device } = await recovering(4);
  using lost = backend;
  const finalWeights = async (on: Backend, steps: readonly number[], loseAt?: number) => {
    using model = smallCnn(on);
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()), options);
    for (const i of steps) {
      if (i === loseAt) device.destroy();
      await optimizer.step(all[i]).report();
    }
    const weights = await Promise.all(model.parameters.map((p) => readWeights(on, p)));
    return { weights, stepCount: optimizer.stepCount, saved: await saveState(optimizer) };
  };
  const [through, straight] = [
    await finalWeights(lost, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], 11),
    await finalWeights(gpu, [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13]),
  ];
  assert.equal(losses[0].stepsLost, 3);
  assert.equal(through.stepCount, straight.stepCount);
  assert.equal(through.saved.length, straight.saved.length);
  through.weights.forEach((weights, l) => {
    const most = Math.max(...straight.weights[l].map(Math.abs));
    weights.forEach((w, i) => assert(Math.abs(w - straight.weights[l][i]) <= 1e-4 * most));
  });
});

gpuTest("a loss before the first snapshot goes back to the beginning", async () => {
  const { backend, losses, device } = await recovering(10);
  using gpu = backend;
  using model = smallCnn(gpu);
  using optimizer = tekfac(objective(model, softmaxCrossEntropy()), options);
  const before = await Promise.all(model.parameters.map((p) => readWeights(gpu, p)));
  const [batch] = batchesOf(1);
  device.destroy();
  await turn();
  const after = await Promise.all(model.parameters.map((p) => readWeights(gpu, p)));
  assert.deepEqual(after, before);
  const { step, loss } = await optimizer.step(batch).report();
  assert.equal(step, 0);
  assert(loss > 0 && Number.isFinite(loss));
  assert.deepEqual(losses.map(({ stepsLost }) => stepsLost), [0]);
});

gpuTest("steps that nobody waits for are lost without a word but the warning's", async () => {
  const { backend, losses, device } = await recovering(10);
  using gpu = backend;
  using model = smallCnn(gpu);
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = tekfac(goal, options);
  const [batch, other] = batchesOf(2);
  await optimizer.step(batch).report();
  await turn();
  device.destroy();
  for (let i = 0; i < 7; i++) optimizer.step(batch);
  await gpu.flush();
  assert.deepEqual(losses.map(({ stepsLost }) => stepsLost), [7]);
  assert.equal(optimizer.stepCount, 1);
  const { loss } = await goal.evaluate(other);
  assert(Number.isFinite(loss));
  assert.equal((await optimizer.step(other).report()).step, 1);
});

gpuTest("evaluate() under way is made again, what is written meanwhile is kept", async () => {
  const { backend, losses, device } = await recovering(10);
  using gpu = backend;
  using model = smallCnn(gpu);
  const goal = objective(model, softmaxCrossEntropy());
  const [batch] = batchesOf(1);
  const before = await goal.evaluate(batch);
  using x = gpu.alloc(1, 3);
  gpu.write(x, [1, 2, 3]);
  device.destroy();
  const pending = goal.evaluate(batch);
  await turn();
  const after = await pending;
  assert(Math.abs(after.loss / before.loss - 1) < 1e-5);
  assert.deepEqual([...await gpu.read(x)], [1, 2, 3]);
  assert.equal(losses.length, 1);
});

gpuTest("snapshots are the only waits of steps, one per interval", async () => {
  const { backend } = await recovering(20);
  using gpu = backend;
  using model = smallCnn(gpu);
  using optimizer = tekfac(objective(model, softmaxCrossEntropy()), options);
  const [batch] = batchesOf(1);
  const { mapAsync } = GPUBuffer.prototype;
  const waits = new Map<number, number>();
  GPUBuffer.prototype.mapAsync = function (...call) {
    waits.set(optimizer.stepCount, (waits.get(optimizer.stepCount) ?? 0) + 1);
    return mapAsync.apply(this, call);
  };
  try {
    for (let step = 0; step < 50; step++) {
      optimizer.step(batch);
      // The host goes on while a snapshot is on its way, but not further than the device.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await gpu.flush();
    }
    await turn();
  } finally {
    GPUBuffer.prototype.mapAsync = mapAsync;
  }
  // After the steps 1, 21 and 41, and not in between.
  assert.deepEqual([...waits.keys()], [1, 21, 41]);
});

gpuTest(
  "withAverage() runs again when the device is lost meanwhile, and gives the weights back",
  async () => {
    const { backend, device } = await recovering(1);
    using _ = backend;
    using model = smallCnn(backend);
    const average = exponentialAverage({ decay: 0.8 });
    using optimizer = sgd(objective(model, softmaxCrossEntropy()), { average });
    for (const batch of batchesOf(4)) await optimizer.step(batch).report();
    const read = () => Promise.all(model.parameters.map((p) => readWeights(backend, p)));
    const [weights, averages] = [await read(), await optimizer.withAverage(read)];
    let runs = 0;
    const found = await optimizer.withAverage(async () => {
      if (runs++ === 0) {
        device.destroy();
        await turn();
      }
      return await read();
    });
    assert.equal(runs, 2);
    assert.deepEqual(found, averages);
    assert.deepEqual(await read(), weights);
  },
);
