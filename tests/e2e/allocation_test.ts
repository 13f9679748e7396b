import assert from "#assert";
import v8 from "node:v8";
import vm from "node:vm";
import {
  averagePool2d,
  type BatchLike,
  conv2d,
  createBackend,
  dense,
  ekfac,
  flatten,
  kfac,
  objective,
  type Optimizer,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
import type { MemoryReport } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";

/** A few steps in which everything becomes due more than once. */
const CYCLE = 20;

const KRONECKER = {
  intervals: { statistics: 2, basis: 10, eigenvalues: 2 },
  denseStart: false,
  annealing: 0.01,
} as const;

/** Some seeded batches of 8 x 8 images in three classes. */
function makeBatches(): BatchLike[] {
  const random = new Random(1);
  return Array.from({ length: 4 }, () => ({
    inputs: Float32Array.from({ length: 6 * 64 }, () => random.normal()),
    targets: Uint8Array.from({ length: 6 }, () => random.integer(3)),
  }));
}

/** Trains a small network that has every kind of layer with weights. */
async function train(
  build: (goal: Parameters<typeof tekfac<BatchLike>>[0]) => Optimizer<BatchLike>,
  body: (steps: (count: number) => void, memory: () => MemoryReport) => void,
): Promise<void> {
  using backend = await createBackend({ prefer: ["wasm"] });
  using model = sequential(backend, {
    input: [8, 8, 1],
    layers: [
      conv2d(4, { kernel: 3, padding: 1 }),
      relu(),
      averagePool2d({ kernel: 4 }),
      flatten(),
      dense(10),
      relu(),
      dense(3),
    ],
    seed: 1,
  });
  using optimizer = build(objective(model, softmaxCrossEntropy()));
  const data = makeBatches();
  const steps = (count: number): void => {
    for (let i = 0; i < count; i++) optimizer.stepSync(data[optimizer.stepCount % data.length]);
  };
  body(steps, () => backend.memory());
}

for (const create of [kfac, tkfac, ekfac, tekfac]) {
  Deno.test(`${create.name}() holds and reserves the same memory after each cycle of its intervals`, () =>
    train((goal) => create(goal, KRONECKER), (steps, memory) => {
      steps(CYCLE);
      const first = memory();
      for (let cycle = 0; cycle < 10; cycle++) {
        steps(CYCLE);
        assert.deepEqual(memory(), first, `changed in cycle ${cycle + 2}`);
      }
    }));
}

/** Bytes of live objects, after a full collection. */
function liveHeap(): number {
  // The collector can be had without a flag on the command line: a new context gets what is set here.
  v8.setFlagsFromString("--expose-gc");
  const collect: () => void = vm.runInNewContext("gc");
  for (let i = 0; i < 3; i++) collect();
  return v8.getHeapStatistics().used_heap_size;
}

for (const create of [sgd, tekfac]) {
  Deno.test(`${create.name}() does not grow the heap over thousands of steps`, () => {
    const options = create === tekfac ? KRONECKER : {};
    return train((goal) => create(goal, options), (steps) => {
      const length = 1000;
      // Long enough for most functions to be compiled and optimized, which takes memory of its own.
      steps(2 * length);
      let heap = liveHeap();
      let least = Infinity;
      // A leak grows in every stretch, a late compilation in some. An object that stays and its place
      // in a list take 32 bytes at least.
      for (let stretch = 0; stretch < 10 && least >= 24; stretch++) {
        steps(length);
        const before = heap;
        heap = liveHeap();
        least = Math.min(least, (heap - before) / length);
      }
      assert.ok(least < 24, `${least.toFixed(1)} bytes per step stay on the heap`);
    });
  });
}
