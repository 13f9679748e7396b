import assert from "#assert";
import { dense, objective, sequential, squaredError, tanh, tekfac } from "@tekfac/tekfac";
import {
  type Backend,
  type BackendOptions,
  createBackend,
  type EighJob,
  TuningCache,
} from "@tekfac/tekfac/backend";
import { Random, rowsOf } from "@tekfac/tekfac/core";
import type { RefreshMode } from "@tekfac/tekfac/curvature";
import { gpuTest } from "../parity/_parity.ts";

/** A backend of the test's own. */
function open(gpu: BackendOptions["gpu"], threads = 1): Promise<Backend> {
  return createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    threads,
    ...(gpu !== undefined && { gpu }),
  });
}

/** Waits of the host for the device while `body` runs. */
async function countWaits(body: () => Promise<unknown>): Promise<number> {
  const { mapAsync } = GPUBuffer.prototype;
  let count = 0;
  GPUBuffer.prototype.mapAsync = function (...call) {
    count++;
    return mapAsync.apply(this, call);
  };
  try {
    await body();
  } finally {
    GPUBuffer.prototype.mapAsync = mapAsync;
  }
  return count;
}

/** Two covariances [n, n] and room for their eigenvectors, in matrices that the stack owns. */
function problems(gpu: Backend, stack: DisposableStack, n: number): EighJob[] {
  const random = new Random(7);
  const matrices = [[2 * n, n], [2 * n, n], [2 * n, n], [2, n], [2, 3]]
    .map(([rows, cols]) => stack.use(gpu.alloc(rows, cols)));
  const [x, all, vectors, values, status] = matrices;
  return [0, 1].map((i): EighJob => {
    const matrix = rowsOf(all, i * n, (i + 1) * n);
    gpu.write(x, Float32Array.from({ length: 2 * n * n }, () => random.normal()));
    gpu.secondMoment(matrix, x, { scale: 1 / (2 * n) });
    return {
      matrix,
      vectors: rowsOf(vectors, i * n, (i + 1) * n),
      values: rowsOf(values, i, i + 1),
      status: rowsOf(status, i, i + 1),
    };
  });
}

/** The vectors of all jobs, once it is known that `A q = lambda q` for each column. */
async function checkedVectors(gpu: Backend, jobs: readonly EighJob[]): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (const { matrix, vectors, values } of jobs) {
    const n = matrix.rows;
    const [a, q, lambda] = await Promise.all([matrix, vectors, values].map((m) => gpu.read(m)));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += a[i * n + k] * q[k * n + j];
        assert.ok(Math.abs(sum - lambda[j] * q[i * n + j]) <= 64 * n * 2 ** -24 * lambda[n - 1]);
      }
    }
    all.push(Float32Array.from(q));
  }
  return all;
}

for (const threads of [1, 2]) {
  gpuTest(
    `beginEigh() on the host reads once and waits for nothing, ${threads} threads`,
    async () => {
      using gpu = await open({ eigh: "host" }, threads);
      using stack = new DisposableStack();
      const jobs = problems(gpu, stack, 24);
      await gpu.flush();
      let ticket = gpu.beginEigh(jobs.slice(0, 0), { elsewhere: true });
      const waits = await countWaits(async () => {
        ticket = gpu.beginEigh(jobs, { elsewhere: true });
        while (!ticket.ready) await new Promise((resolve) => setTimeout(resolve, 5));
      });
      assert.equal(waits, 1);
      ticket.finish();
      await checkedVectors(gpu, jobs);
    },
  );
}

gpuTest(
  "beginEigh() is on the device where results must repeat, or are wanted too soon",
  async () => {
    using gpu = await open({ eigh: "host" });
    using stack = new DisposableStack();
    const jobs = problems(gpu, stack, 16);
    gpu.eigh(jobs);
    const expected = await checkedVectors(gpu, jobs);
    for (const elsewhere of [false, true]) {
      gpu.beginEigh(jobs, { elsewhere }).finish();
      assert.deepEqual(await checkedVectors(gpu, jobs), expected, `elsewhere: ${elsewhere}`);
    }
  },
);

gpuTest("beginEigh() tries both places per size, and remembers the better one", async (any) => {
  const tunings = new TuningCache();
  using gpu = await open({ tunings, tuning: "off" });
  using stack = new DisposableStack();
  const jobs = problems(gpu, stack, 16);
  const adapter = any.info.description.replace(/^webgpu \((.*)\)$/, "$1");
  for (let i = 0; i < 2; i++) {
    assert.equal(tunings.get(adapter, "eigh 16"), undefined);
    const ticket = gpu.beginEigh(jobs, { elsewhere: true });
    while (!ticket.ready) await new Promise((resolve) => setTimeout(resolve, 5));
    ticket.finish();
    await checkedVectors(gpu, jobs);
  }
  // Of what was measured the last is told in a turn of its own, whenever that is.
  while (tunings.get(adapter, "eigh 16") === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(["device", "host"].includes(tunings.get(adapter, "eigh 16")!));
});

/** Trains a little; returns the weights. */
async function train(gpu: Backend, refresh: RefreshMode): Promise<Float32Array[]> {
  const random = new Random(5);
  const layers = [dense(6), tanh(), dense(3)];
  using model = sequential(gpu, { input: [9], layers, seed: 1 });
  using optimizer = tekfac(objective(model, squaredError()), {
    refresh,
    denseStart: false,
    intervals: { statistics: 1, basis: 4, eigenvalues: 1 },
  });
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  for (let step = 0; step < 10; step++) {
    optimizer.step({ inputs: numbers(8 * 9), targets: numbers(8 * 3) });
    // Workers and reads have their turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await gpu.flush();
  }
  const weights = await Promise.all(model.parameters.map(({ value }) => gpu.read(value)));
  return weights.map((w) => Float32Array.from(w));
}

gpuTest("deterministic background refreshes repeat bit by bit, and read nothing", async () => {
  const runs: Float32Array[][] = [];
  for (let run = 0; run < 2; run++) {
    using gpu = await open({ eigh: "host" });
    // One wait for the weights at the end.
    const waits = await countWaits(async () => {
      runs.push(await train(gpu, { kind: "background", delay: 2 }));
    });
    assert.equal(waits, 1);
  }
  assert.deepEqual(runs[0], runs[1]);
});

gpuTest("background refreshes that need not be deterministic wait once each", async () => {
  using gpu = await open({ eigh: "host" });
  let weights: Float32Array[] = [];
  const waits = await countWaits(async () => {
    weights = await train(gpu, { kind: "background", delay: 3, deterministic: false });
  });
  // Bases are due at steps 0, at once, 4 and 8; and the weights at the end.
  assert.equal(waits, 3);
  assert.ok(weights.every((w) => w.every(Number.isFinite)));
});
