/** A step that a GPU refuses, or that the host gives up, has never been; whenever that is found out. */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { BackendError, NumericalError, Random, StateError } from "@tekfac/tekfac/core";
import {
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  flatten,
  objective,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  exponentialAverage,
  kfac,
  loadState,
  muon,
  type Objective,
  type Optimizer,
  saveState,
  scheduleFree,
  sgd,
  soap,
  type StepHandle,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { gpuTest } from "../parity/_parity.ts";
import { wholeStateOf } from "./whole_state.ts";

interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Uint8Array;
}
type Create = (objective: Objective<Batch>) => Optimizer<Batch>;

const often = { intervals: 1, dampingAdaptation: { interval: 1 } } as const;
const beside = { intervals: 2, denseStart: false } as const;
const optimizers: Record<string, Create> = {
  sgd: (o) => sgd(o, { momentum: 0.9, average: exponentialAverage({ decay: 0.5 }) }),
  adam: (o) => adam(o, { average: scheduleFree() }),
  muon: (o) => muon(o),
  "soap, kl, in the background": (o) =>
    soap(o, {
      preconditionFrequency: 2,
      factors: "kl",
      refresh: { kind: "background", delay: 1 },
    }),
  "kfac with exact damping": (o) => kfac(o, { ...often, split: "exact", fisher: "monteCarlo" }),
  "tkfac in the background": (o) =>
    tkfac(o, { ...beside, refresh: { kind: "background", delay: 1 } }),
  "ekfac of low rank": (o) => ekfac(o, { ...often, rank: 2 }),
  "tekfac with its defaults": (o) => tekfac(o),
  "tekfac of full rank, in the background": (o) =>
    tekfac(o, { ...beside, rank: "full", refresh: { kind: "background", delay: 1 } }),
};

/** Good steps of the undisturbed run. */
const STEPS = 4;

/** A batch; `scale` makes it a bad one. Every other step takes two. */
function batchesOf(step: number, scale = 1): Batch[] {
  const random = new Random(step);
  return Array.from({ length: 1 + step % 2 }, () => ({
    inputs: Float32Array.from({ length: 6 * 36 }, () => scale * random.normal()),
    targets: Uint8Array.from({ length: 6 }, () => random.integer(3)),
  }));
}

/** So large that squares of gradients are beyond float32, while running moments still hold the inputs'. */
const FAR = 1e17;

/** A model with every kind of state, and its optimizer. The caller disposes it. */
class Training implements Disposable {
  readonly optimizer: Optimizer<Batch>;
  readonly #model;

  constructor(readonly backend: Backend, create: Create) {
    const layers = [
      residual([conv2d(1, { kernel: 3, padding: 1, bias: false }), batchNorm2d()]),
      relu(),
      flatten(),
      dropout(0.2),
      dense(4),
      relu(),
      dense(3),
    ];
    this.#model = sequential(backend, { input: [6, 6, 1], layers, seed: 1 });
    this.optimizer = create(objective(this.#model, softmaxCrossEntropy()));
  }

  step(step: number, scale = 1): StepHandle {
    return this.optimizer.step(...batchesOf(step, scale));
  }

  async state(): Promise<Record<string, unknown>> {
    const { matrices, words } = wholeStateOf(this.optimizer);
    const numbers = Object.entries(matrices).map(async ([name, matrix]) =>
      [name, bitsOf(await this.backend.read(matrix))] as const
    );
    return { ...Object.fromEntries(await Promise.all(numbers)), ...words };
  }

  [Symbol.dispose](): void {
    this.optimizer[Symbol.dispose]();
    this.#model[Symbol.dispose]();
  }
}

function bitsOf(numbers: Float32Array | Float64Array): readonly number[] {
  return [...new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.byteLength / 4)];
}

/** States before each of the good steps, and after the last. */
async function undisturbed(backend: Backend, create: Create): Promise<Record<string, unknown>[]> {
  using twin = new Training(backend, create);
  const states = [await twin.state()];
  for (let step = 0; step < STEPS; step++) {
    await twin.step(step).report();
    states.push(await twin.state());
  }
  return states;
}

function isRefusal(step: number, message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof NumericalError && error.step === step && message.test(error.message);
}

for (const [name, create] of Object.entries(optimizers)) {
  gpuTest(
    `step() of ${name}: one that is refused has never been, nor have those behind it`,
    async (gpu) => {
      const states = await undisturbed(gpu, create);
      for (const bad of [0, 2]) {
        using training = new Training(gpu, create);
        for (let step = 0; step < bad; step++) training.step(step);
        const [refused, ...behind] = [
          training.step(bad, FAR),
          training.step(bad + 1),
          training.step(bad + 2),
        ].map((handle) => handle.report());
        await Promise.all([
          assert.rejects(refused, isRefusal(bad, /^Cannot take step .*unchanged/)),
          ...behind.map((report, i) =>
            assert.rejects(report, isRefusal(bad + 1 + i, /has never been/))
          ),
        ]);
        assert.deepEqual(await training.state(), states[bad], `state before step ${bad}`);
        for (let step = bad; step < STEPS; step++) {
          await training.step(step).report();
          assert.deepEqual(
            await training.state(),
            states[step + 1],
            `${bad} refused, then ${step}`,
          );
        }
      }
    },
  );

  gpuTest(
    `step() of ${name}: one that the host gives up at any call has never been`,
    async (gpu) => {
      const states = await undisturbed(gpu, create);
      const random = new Random(1);
      const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
      let [calls, failing] = [0, Infinity];
      GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
        if (++calls === failing) throw new BackendError("webgpu", "injected");
        return dispatchWorkgroups.apply(this, grid);
      };
      try {
        for (const step of [0, 1, 3]) {
          using training = new Training(gpu, create);
          using twin = new Training(gpu, create);
          for (const each of [training, twin]) {
            for (let before = 0; before < step; before++) each.step(before);
          }
          calls = 0;
          twin.step(step);
          failing = 1 + random.integer(calls);
          calls = 0;
          assert.throws(() => training.step(step), { name: "BackendError", message: /injected/ });
          failing = Infinity;
          assert.deepEqual(await training.state(), states[step], `state before step ${step}`);
          for (let next = step; next < STEPS; next++) training.step(next);
          assert.deepEqual(await training.state(), states[STEPS], `the end, given up at ${step}`);
        }
      } finally {
        GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
      }
    },
  );
}

gpuTest(
  "report() of a step behind one that was refused tells, and of one before it does not",
  async (gpu) => {
    using training = new Training(gpu, tekfac);
    const [before, refused, behind] = [0, 1, 2].map((step) =>
      training.step(step, step === 1 ? FAR : 1)
    );
    await assert.rejects(behind.report(), isRefusal(2, /step 1, which was enqueued before it/));
    assert.equal(training.optimizer.stepCount, 1);
    // What is enqueued from now on is taken, whatever is asked of the others.
    const again = training.step(1);
    await assert.rejects(refused.report(), isRefusal(1, /Cannot take step 1/));
    await assert.rejects(behind.report(), isRefusal(2, /has never been/));
    assert.equal((await before.report()).step, 0);
    assert.equal((await again.report()).step, 1);
  },
);

gpuTest("step() tells of a refusal that nobody has asked about, once", async (gpu) => {
  using training = new Training(gpu, adam);
  const { optimizer } = training;
  await training.step(0).report();
  const before = await training.state();
  training.step(1, FAR);
  for (let step = 2; step < 40; step++) training.step(step);
  while (optimizer.stepCount === 40) await gpu.flush();
  assert.deepEqual(await training.state(), before);
  assert.throws(() => training.step(1), isRefusal(1, /Cannot take step 1/));
  assert.equal((await training.step(1).report()).step, 1);
});

gpuTest("saveState() behind a step that is refused saves what was before it", async (gpu) => {
  const saved = async (disturb: (training: Training) => void) => {
    using training = new Training(gpu, tekfac);
    await training.step(0).report();
    disturb(training);
    return await saveState(training.optimizer);
  };
  const expected = await saved(() => {});
  const actual = await saved((training) => {
    training.step(1, FAR);
    training.step(2);
  });
  assert.deepEqual(actual, expected);
});

gpuTest("a device that is lost behind a refusal goes back to a state that stands", async () => {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  using gpu = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    device,
    recovery: { everySteps: 1, onLoss: () => {} },
  });
  using training = new Training(gpu, tekfac);
  await training.step(0).report();
  const before = await training.state();
  const refused = training.step(1, FAR);
  training.step(2);
  await gpu.flush();
  device.destroy();
  await assert.rejects(refused.report(), isRefusal(1, /Cannot take step 1/));
  assert.deepEqual(await training.state(), before);
  assert.equal((await training.step(1).report()).step, 1);
});

gpuTest(
  "loadState() behind a refusal that nobody knows of stands, whatever is asked later",
  async (gpu) => {
    using training = new Training(gpu, tekfac);
    const { optimizer } = training;
    await training.step(0).report();
    const saved = await saveState(optimizer);
    const before = await training.state();
    const [refused, behind] = [training.step(1, FAR), training.step(2)];
    loadState(optimizer, saved);
    assert.deepEqual(await training.state(), before);
    const next = training.step(1);
    for (const old of [behind, refused]) {
      await assert.rejects(
        old.report(),
        (e: unknown) => e instanceof StateError && /loaded/.test(e.message),
      );
    }
    assert.equal((await next.report()).step, 1);
    assert.equal(optimizer.stepCount, 2);
  },
);

gpuTest(
  "step() with a rate that float32 cannot hold, or that takes weights out of it, moves none",
  async (gpu) => {
    for (const learningRate of [1e39, 1e30]) {
      using training = new Training(gpu, (o) => sgd(o, { learningRate }));
      const before = await training.state();
      await assert.rejects(training.step(0).report(), isRefusal(0, /Cannot take step 0/));
      assert.deepEqual(await training.state(), before);
    }
  },
);
