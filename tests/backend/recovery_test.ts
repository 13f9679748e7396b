/** Going on after a loss, with the reference in the place of devices: exact numbers, no waiting. */
import assert from "#assert";
import {
  type Backend,
  CheckedBackend,
  createRecoverableKernels,
  createReferenceKernels,
  type DeviceLoss,
  type Kernels,
} from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
import { adam, type Optimizer, tekfac } from "@tekfac/tekfac/optim";

/** An implementation that answers later, and can be lost. */
interface Device {
  readonly kernels: Kernels;
  lose(): void;
}

function createDevice(name: string): Device {
  const inner = createReferenceKernels();
  const { promise: announced, resolve } = Promise.withResolvers<void>();
  let reason: string | undefined;
  const own: Partial<Kernels> = {
    sync: false,
    info: { ...inner.info, description: name },
    deviceLoss: {
      announced,
      get reason() {
        return reason;
      },
    },
    async read(m) {
      const numbers = inner.readSync(m);
      await new Promise((done) => setTimeout(done, 0));
      if (reason !== undefined) throw new BackendError(name, "device lost");
      return numbers;
    },
  };
  const kernels = new Proxy(inner, {
    get(_, key) {
      if (key in own) return own[key as keyof Kernels];
      const value = inner[key as keyof Kernels];
      return typeof value === "function" ? value.bind(inner) : value;
    },
  });
  return {
    kernels,
    lose() {
      reason = "pulled out";
      resolve();
    },
  };
}

/** Turns of the event loop, more than what has been begun needs; timers of 0 ms have theirs in order. */
async function turns(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((done) => setTimeout(done, 0));
}

/** A backend over such devices, one after the other. */
function createDevices(everySteps: number) {
  const devices = [createDevice("first")];
  const losses: DeviceLoss[] = [];
  const asked: boolean[] = [];
  const reopen = async (again: boolean): Promise<Kernels> => {
    asked.push(again);
    await new Promise((done) => setTimeout(done, 0));
    devices.push(createDevice(`number ${devices.length + 1}`));
    return devices[devices.length - 1].kernels;
  };
  const options = { everySteps, onLoss: (loss: DeviceLoss) => losses.push(loss) };
  const kernels = createRecoverableKernels(devices[0].kernels, reopen, options);
  const backend = new CheckedBackend(kernels, []);
  return { backend, losses, asked, lose: () => devices[devices.length - 1].lose() };
}

const BATCHES = Array.from({ length: 20 }, (_, i) => ({
  inputs: Float64Array.from({ length: 12 }, (_, j) => Math.sin(1 + 12 * i + j)),
  targets: Float64Array.from({ length: 8 }, (_, j) => Math.cos(1 + 8 * i + j)),
}));

type Batch = typeof BATCHES[number];

function createTraining(backend: Backend, method: "tekfac" | "adam") {
  const layers = [dense(4), tanh(), dense(2)];
  const model = sequential(backend, { input: [3], layers, seed: 1 });
  const goal = objective(model, squaredError());
  const optimizer: Optimizer<Batch> = method === "adam" ? adam(goal) : tekfac(goal, {
    intervals: { statistics: 2, basis: 3, eigenvalues: 2 },
    fisher: { kind: "monteCarlo" },
  });
  return {
    goal,
    optimizer,
    [Symbol.dispose]() {
      optimizer[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}

/** Losses of steps on these batches; `before` is called before each. */
async function lossesOf(
  backend: Backend,
  method: "tekfac" | "adam",
  order: readonly number[],
  before: (position: number) => void = () => {},
): Promise<number[]> {
  using training = createTraining(backend, method);
  const losses: number[] = [];
  for (const [position, i] of order.entries()) {
    before(position);
    losses.push((await training.optimizer.step(BATCHES[i]).report()).loss);
  }
  return losses;
}

for (const method of ["tekfac", "adam"] as const) {
  Deno.test(`${method} goes on after a loss as if it had never been further than the snapshot`, async () => {
    const straight = createDevices(1000);
    using backend = straight.backend;
    const { backend: lost, losses, lose } = createDevices(4);
    using through = lost;
    // Snapshots after steps 1, 5 and 9. The twelfth step is on its way; what follows is from 9 on.
    const order = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    const actual = await lossesOf(through, method, order, (i) => i === 11 && lose());
    const expected = await lossesOf(backend, method, [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14]);
    assert.deepEqual([...actual.slice(0, 9), ...actual.slice(11)], expected);
    assert.deepEqual(losses, [
      { reason: "pulled out", stepsLost: 3, continuesOn: "number 2" },
    ]);
    assert.equal(through.info.description, "number 2");
  });
}

Deno.test("a loss before the first snapshot leads back to what the host has written", async () => {
  const { backend, losses, lose } = createDevices(4);
  using through = backend;
  const actual = await lossesOf(through, "tekfac", [0, 1, 2], (i) => i === 0 && lose());
  using other = createDevices(4).backend;
  assert.deepEqual(actual, await lossesOf(other, "tekfac", [0, 1, 2]));
  assert.deepEqual(losses.map(({ stepsLost }) => stepsLost), [1]);
});

Deno.test("steps in the dark are counted, and taken when their report is asked for", async () => {
  const { backend, losses, lose } = createDevices(100);
  using through = backend;
  using training = createTraining(through, "adam");
  const { optimizer } = training;
  await optimizer.step(BATCHES[0]).report();
  await turns();
  lose();
  const handles = BATCHES.slice(1, 6).map((batch) => optimizer.step(batch));
  assert.equal(optimizer.stepCount, 1);
  const { step } = await handles[2].report();
  assert.equal(step, 1);
  assert.deepEqual(losses.map(({ stepsLost }) => stepsLost), [5]);
  assert.equal(optimizer.stepCount, 2);
});

Deno.test("matrices keep their numbers over a loss, in the last snapshot or as written since", async () => {
  const { backend, lose } = createDevices(100);
  using through = backend;
  using old = through.alloc(1, 2);
  through.write(old, [1, 2]);
  through.recovery!.stepped();
  await turns();
  through.write(old, [3, 4]);
  using young = through.alloc(1, 2);
  through.write(young, [5, 6]);
  lose();
  using unborn = through.alloc(1, 1);
  through.write(unborn, [7]);
  const numbers = await Promise.all([old, young, unborn].map((m) => through.read(m)));
  assert.deepEqual(numbers.map((n) => [...n]), [[1, 2], [5, 6], [7]]);
  through.axpby(old, 1, young, 1);
  assert.deepEqual([...await through.read(old)], [6, 8]);
});

Deno.test("temporary numbers are an error after a loss, unless they are computed again", async () => {
  const { backend, lose } = createDevices(100);
  using through = backend;
  using x = through.alloc(1, 2);
  through.write(x, [3, 4]);
  const square = () =>
    through.scope(() => {
      const out = through.scratch(1, 2);
      through.squares(out, x);
      return through.read(out);
    });
  const pending = square();
  lose();
  await assert.rejects(pending, { name: "BackendError" });
  let times = 0;
  const again = through.reading(() => {
    if (times++ === 0) queueMicrotask(lose);
    return square();
  });
  assert.deepEqual([...await again], [9, 16]);
  assert.equal(times, 2);
});

Deno.test("a device that is lost before a snapshot of it stands is reported as such", async () => {
  const { backend, asked, losses, lose } = createDevices(100);
  using through = backend;
  for (let i = 0; i < 2; i++) {
    lose();
    await through.flush();
  }
  through.recovery!.stepped();
  await turns();
  assert.deepEqual(asked, [false, true]);
  assert.equal(losses.length, 2);
});

Deno.test("what follows a loss is disposed when the backend is gone by then", async () => {
  const { backend, losses, lose } = createDevices(100);
  const x = backend.alloc(1, 1);
  lose();
  assert.ok(backend.recovery!.pending);
  backend[Symbol.dispose]();
  await turns();
  assert.deepEqual(losses, []);
  assert.throws(() => backend.write(x, [1]), { name: "StateError" });
});
